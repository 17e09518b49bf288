// SPDX-License-Identifier: MIT
/// @file
/// @brief Keys of an account, held so that they do not reach a log. credentials_json.hpp reads them.
#ifndef RLX_OPTIONS_CREDENTIALS_HPP
#define RLX_OPTIONS_CREDENTIALS_HPP

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace rlx::options {

/// A text that must not be seen: it prints as `***`, compares in constant time, is not copied, and is overwritten at its end.
class Secret {
 public:
  Secret() noexcept = default;
  /// Copies the text; the caller overwrites its own (see `wipe`).
  explicit Secret(std::string_view text) : size_(text.size()), bytes_(new char[size_ + 1]) { text.copy(bytes_.get(), size_); }
  ~Secret() { clear(); }
  Secret(Secret&& other) noexcept : size_(std::exchange(other.size_, 0)), bytes_(std::move(other.bytes_)) {}
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

  bool empty() const noexcept { return size_ == 0; }
  /// The text itself, for the one place that signs or sends it. Valid as long as this object.
  std::string_view reveal() const noexcept { return {bytes_.get(), size_}; }

  /// Takes as long for any two texts of these lengths.
  friend bool operator==(const Secret& a, const Secret& b) noexcept { return a.equals(b.reveal()); }
  bool equals(std::string_view other) const noexcept {
    unsigned difference = size_ == other.size() ? 0U : 1U;
    for (std::size_t i = 0; i < other.size(); ++i) {
      const char own = size_ > 0 ? bytes_[i % size_] : '\0';
      difference |= static_cast<unsigned>(static_cast<unsigned char>(own) ^ static_cast<unsigned char>(other[i]));
    }
    return difference == 0;
  }
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }
  /// What a message may show of it.
  static constexpr std::string_view shown() noexcept { return "***"; }

  /// Overwrites memory so that the compiler cannot leave it out.
  static void wipe(char* bytes, std::size_t size) noexcept {
    volatile char* const at = bytes;
    for (std::size_t i = 0; i < size; ++i) at[i] = '\0';
  }
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

/// Access to one account. The id is no secret, but it is not logged either.
struct Credentials {
  std::string client_id;
  Secret client_secret;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_CREDENTIALS_HPP
