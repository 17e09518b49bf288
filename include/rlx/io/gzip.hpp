// SPDX-License-Identifier: MIT
/// @file
/// @brief Optional component (zlib): whole gzip files as text. Part of no umbrella header; link with `-lz`.
#ifndef RLX_IO_GZIP_HPP
#define RLX_IO_GZIP_HPP

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include <zlib.h>

#include <rlx/core/error.hpp>
#include <rlx/io/mapped_file.hpp>

namespace rlx::inline v0_1::io {

/**
 * @brief Unpacks gzip data; several members one after the other give one text.
 * @param packed    the whole file
 * @param name      for messages
 * @param max_bytes refuses to unpack more than this, since a small file can claim terabytes
 * @throws ParseError naming the file and the byte if the data are damaged, cut off or followed by something else; DataError if
 *         they unpack to more than `max_bytes`
 */
inline std::string gunzip(std::span<const std::byte> packed, const std::string& name,
                          std::size_t max_bytes = std::size_t{4} << 30) {
  struct Inflater {
    ::z_stream stream{};
    bool ready = false;
    ~Inflater() {
      if (ready) ::inflateEnd(&stream);
    }
  } inflater;
  ::z_stream& stream = inflater.stream;
  constexpr int gzip_only = 16 + MAX_WBITS;
  if (::inflateInit2(&stream, gzip_only) != Z_OK) throw Error("zlib could not be started");
  inflater.ready = true;

  std::string text;
  std::size_t used = 0;
  bool member_ended = false;
  std::size_t remaining = packed.size();
  const std::byte* next = packed.data();
  constexpr std::size_t most = std::numeric_limits<::uInt>::max();
  for (;;) {
    if (member_ended) {
      if (remaining == 0) break;
      ::inflateReset(&stream);
      member_ended = false;
    }
    if (used == text.size()) {
      if (used == max_bytes) {
        // Full to the byte: fine only if nothing more comes out, which one spare byte tells.
        text.resize(used + 1);
      } else {
        text.resize(
            std::min(max_bytes, std::max<std::size_t>(used * 2, std::min(remaining * 4, std::size_t{64} << 20) + 1024)));
      }
    }
    const std::size_t room = std::min(text.size() - used, most);
    const std::size_t given = std::min(remaining, most);
    stream.next_in = reinterpret_cast<::Bytef*>(const_cast<std::byte*>(next));
    stream.avail_in = static_cast<::uInt>(given);
    stream.next_out = reinterpret_cast<::Bytef*>(text.data() + used);
    stream.avail_out = static_cast<::uInt>(room);
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t consumed = given - stream.avail_in;
    const std::size_t produced = room - stream.avail_out;
    next += consumed;
    remaining -= consumed;
    used += produced;
    if (used > max_bytes)
      throw DataError(name, 0, 0, "unpacks to more than the allowed " + std::to_string(max_bytes) + " bytes");
    if (status == Z_STREAM_END) {
      member_ended = true;
    } else if (status == Z_BUF_ERROR || (status == Z_OK && consumed == 0 && produced == 0)) {
      throw ParseError(name, 0, 0, "gzip data end too early, after " + std::to_string(packed.size()) + " bytes");
    } else if (status != Z_OK) {
      throw ParseError(name, 0, 0,
                       "not gzip data, or damaged near byte " + std::to_string(packed.size() - remaining) + ": " +
                           (stream.msg == nullptr ? "unknown error" : stream.msg));
    }
  }
  text.resize(used);
  return text;
}

/// Unpacks a gzip file. @throws IoError if it cannot be read; ParseError and DataError as `gunzip`
inline std::string gunzip_file(const std::string& path, std::size_t max_bytes = std::size_t{4} << 30) {
  const MappedFile file(path);
  return gunzip(file.bytes(), path, max_bytes);
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_GZIP_HPP
