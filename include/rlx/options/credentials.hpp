// SPDX-License-Identifier: MIT
/// @file
/// @brief Keys of an account, held so that they do not reach a log. credentials_json.hpp reads them.
#ifndef RLX_OPTIONS_CREDENTIALS_HPP
#define RLX_OPTIONS_CREDENTIALS_HPP

#include <algorithm>
#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace rlx::inline v0_1::options {

/// A text that must not be seen: it prints as `***`, compares in constant time, is not copied, and is overwritten at its end.
class Secret {
 public:
  Secret() noexcept = default;
  /// Copies the text; the caller overwrites its own (see `wipe`).
  explicit Secret(std::string_view text) : size_(text.size()), bytes_(new char[size_ + 1]) { text.copy(bytes_.get(), size_); }
  ~Secret() { clear(); }
  /// Takes the memory over; `other` is empty afterwards.
  Secret(Secret&& other) noexcept : size_(std::exchange(other.size_, 0)), bytes_(std::move(other.bytes_)) {}
  /// The same; the text held before is overwritten.
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      clear();
      size_ = std::exchange(other.size_, 0);
      bytes_ = std::move(other.bytes_);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// Whether there is no text.
  bool empty() const noexcept { return size_ == 0; }
  /// The text itself, for the one place that signs or sends it. Valid as long as this object.
  std::string_view reveal() const noexcept { return {bytes_.get(), size_}; }

  /// Takes as long for any two texts of these lengths.
  friend bool operator==(const Secret& a, const Secret& b) noexcept { return a.equals(b.reveal()); }
  /// The same with a plain text.
  bool equals(std::string_view other) const noexcept {
    unsigned difference = size_ == other.size() ? 0U : 1U;
    for (std::size_t i = 0; i < other.size(); ++i) {
      const char own = size_ > 0 ? bytes_[i % size_] : '\0';
      difference |= static_cast<unsigned>(static_cast<unsigned char>(own) ^ static_cast<unsigned char>(other[i]));
    }
    return difference == 0;
  }
  /// Writes `***`, also for an empty one.
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }
  /// What a message may show of it.
  static constexpr std::string_view shown() noexcept { return "***"; }

  /// Overwrites memory so that the compiler cannot leave it out.
  static void wipe(char* bytes, std::size_t size) noexcept {
    volatile char* const at = bytes;
    for (std::size_t i = 0; i < size; ++i) at[i] = '\0';
  }
  /// The same with a string, which is empty afterwards.
  static void wipe(std::string& text) noexcept {
    wipe(text.data(), text.size());
    text.clear();
  }

 private:
  void clear() noexcept {
    if (bytes_) wipe(bytes_.get(), size_);
    bytes_.reset();
    size_ = 0;
  }

  std::size_t size_ = 0;
  std::unique_ptr<char[]> bytes_;
};

/**
 * @brief A text without a secret that may be in it.
 *
 * Of a text that was shortened only a part of the secret may be left: every run of `piece` characters of it is cut out, and the
 * whole of a shorter secret. One of fewer than 4 characters stays: cutting it would cut anything.
 * @param text    what is to be shown
 * @param secret  as it was sent; empty: nothing is cut
 * @param piece   characters; no limit: the whole secret only
 */
inline std::string without_secret(const std::string& text, std::string_view secret, std::size_t piece = 8) {
  constexpr std::size_t least = 4;
  const std::size_t size = std::min(piece, secret.size());
  if (secret.size() < least || text.size() < size) return text;
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;  // of the run of pieces that begins here
    for (std::size_t next = at; next <= end && next + size <= text.size(); ++next) {
      if (secret.find(std::string_view(text).substr(next, size)) != std::string_view::npos) end = next + size;
    }
    if (end == at) {
      shown += text[at++];
    } else {
      shown += Secret::shown();
      at = end;
    }
  }
  return shown;
}

/// Access to one account. The id is no secret, but it is not logged either.
struct Credentials {
  std::string client_id;  ///< as the venue issued it
  Secret client_secret;   ///< signs, or is sent; see DeribitGrant
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_CREDENTIALS_HPP
