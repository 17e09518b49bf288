// SPDX-License-Identifier: MIT
/// @file
/// @brief Files in memory that forget what was not flushed, tear writes, fail, and end the process at a chosen call.
#ifndef RLX_TESTS_OPTIONS_MEMORY_FILES_HPP
#define RLX_TESTS_OPTIONS_MEMORY_FILES_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <rlx/core/random.hpp>
#include <rlx/io/append_file.hpp>

namespace rlx_test {

/// Thrown where the process ends. Not a std::exception: nothing but the test may catch it.
struct ProcessEnd {};

enum class FileCall { open, write, fsync, truncate, rename, unlink, mkdir, sync_directory, lock, list, read };

/**
 * @brief A model of rlx::io::AppendFiles.
 *
 * Every file has what programs see and what the device holds; `fsync` makes the two equal, and names become durable with
 * `sync_directory`. The calls are counted from 0; the one with number `fault_at` fails with `error`, or the process ends
 * before, in the middle of, or after it. From then on every call throws ProcessEnd (a `close` does nothing), until `restart`
 * brings the machine up again: locks are free, and of what was not on the device `loss` decides how much is left.
 */
class MemoryFiles {
 public:
  enum class Fault { none, fail, end_before, end_inside, end_after };
  /// What a power cut leaves of a file's unflushed bytes. `process_only`: the machine stayed up, nothing is lost.
  enum class Loss { process_only, everything, some };

  Fault fault = Fault::none;
  std::size_t fault_at = 0;
  int error = EIO;
  std::size_t most = 1 << 20;  ///< bytes a single write takes: smaller ones make short writes
  std::vector<FileCall> calls = {};

  explicit MemoryFiles(std::uint64_t seed = 0) : random_({seed, rlx::Purpose::user}) {}

  /// Brings the machine up after an end of the process.
  void restart(Loss loss) {
    ended_ = false;
    descriptors_.clear();
    locks_.clear();
    fault = Fault::none;
    if (loss == Loss::process_only) return;
    Names left = durable_names_;
    // A name that was never made durable may have come to the device by itself.
    for (const auto& [path, file] : names_) {
      if (!left.contains(path) && loss == Loss::some && random_.bounded(2) == 0) left.emplace(path, file);
    }
    names_ = std::move(left);
    durable_names_ = names_;
    for (auto& [path, file] : names_) {
      const bool grew = file->seen.size() >= file->durable.size() && file->seen.starts_with(file->durable);
      if (loss == Loss::some && grew) {
        file->seen.resize(file->durable.size() + random_.bounded(file->seen.size() - file->durable.size() + 1));
      } else if (loss == Loss::everything || random_.bounded(2) == 0) {
        file->seen = file->durable;
      }
      file->durable = file->seen;
    }
  }
  bool ended() const noexcept { return ended_; }

  /// What a program sees; empty for a missing file. For tests: counts as no call.
  std::string text(const std::string& path) const {
    const auto found = names_.find(path);
    return found == names_.end() ? std::string() : found->second->seen;
  }
  /// Puts a file there, on the device.
  void put(const std::string& path, std::string text) {
    auto file = std::make_shared<File>(File{text, text});
    names_[path] = durable_names_[path] = file;
    for (std::string folder = rlx::io::directory_of(path); directories_.insert(folder).second;) {
      folder = rlx::io::directory_of(folder);
    }
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> result;
    for (const auto& [path, file] : names_) result.push_back(path);
    return result;
  }

  int open_append(const std::string& path) {
    return make(FileCall::open, [&] {
      if (!directories_.contains(rlx::io::directory_of(path))) return fail(ENOENT);
      auto& file = names_[path];
      if (!file) file = std::make_shared<File>();
      descriptors_[++last_descriptor_] = file;
      return last_descriptor_;
    });
  }
  ::ssize_t write(int descriptor, const void* data, std::size_t size) {
    File& file = *descriptors_.at(descriptor);
    const std::string_view bytes(static_cast<const char*>(data), std::min(size, most));
    const bool tears = !ended_ && calls.size() == fault_at && (fault == Fault::end_inside || fault == Fault::fail);
    // A write that fails may have come a part of the way.
    if (tears) file.seen.append(bytes.substr(0, random_.bounded(bytes.size() + (fault == Fault::fail ? 0 : 1))));
    return make(FileCall::write, [&] {
      file.seen.append(bytes);
      return static_cast<::ssize_t>(bytes.size());
    });
  }
  int fsync(int descriptor) {
    return make(FileCall::fsync, [&] {
      File& file = *descriptors_.at(descriptor);
      file.durable = file.seen;
      return 0;
    });
  }
  int truncate(int descriptor, std::uint64_t size) {
    return make(FileCall::truncate, [&] {
      descriptors_.at(descriptor)->seen.resize(size);
      return 0;
    });
  }
  int close(int descriptor) {
    if (ended_) return 0;  // the system closes everything at the end of a process
    descriptors_.erase(descriptor);
    std::erase_if(locks_, [descriptor](const auto& lock) { return lock.second == descriptor; });
    return 0;
  }
  int rename(const std::string& from, const std::string& to) {
    return make(FileCall::rename, [&] {
      const auto found = names_.find(from);
      if (found == names_.end()) return fail(ENOENT);
      names_[to] = found->second;
      names_.erase(from);
      return 0;
    });
  }
  int unlink(const std::string& path) {
    return make(FileCall::unlink, [&] { return names_.erase(path) == 1 ? 0 : fail(ENOENT); });
  }
  int mkdir(const std::string& path) {
    return make(FileCall::mkdir, [&] { return directories_.insert(path).second ? 0 : fail(EEXIST); });
  }
  int sync_directory(const std::string& path) {
    return make(FileCall::sync_directory, [&] {
      const auto inside = [&](const auto& entry) { return rlx::io::directory_of(entry.first) == path; };
      std::erase_if(durable_names_, inside);
      for (const auto& entry : names_) {
        if (inside(entry)) durable_names_.insert(entry);
      }
      return 0;
    });
  }
  int lock(const std::string& path) {
    return make(FileCall::lock, [&] {
      if (!directories_.contains(rlx::io::directory_of(path))) return fail(ENOENT);
      if (locks_.contains(path)) return fail(EWOULDBLOCK);
      locks_[path] = ++last_descriptor_;
      return last_descriptor_;
    });
  }
  int list(const std::string& path, std::vector<std::string>& result) {
    return make(FileCall::list, [&] {
      if (!directories_.contains(path)) return fail(ENOENT);
      for (const auto& [name, file] : names_) {
        if (rlx::io::directory_of(name) == path) result.push_back(name.substr(name.rfind('/') + 1));
      }
      return 0;
    });
  }
  int read(const std::string& path, std::string& result) {
    return make(FileCall::read, [&] {
      if (!names_.contains(path)) return fail(ENOENT);
      result = names_.at(path)->seen;
      return 0;
    });
  }
  int exists(const std::string& path) {
    if (ended_) throw ProcessEnd{};
    return names_.contains(path) || directories_.contains(path) ? 1 : 0;
  }

 private:
  struct File {
    std::string seen, durable;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  static int fail(int code) {
    errno = code;
    return -1;
  }

  template <class F>
  auto make(FileCall call, F&& f) -> decltype(f()) {
    if (ended_) throw ProcessEnd{};
    const bool now = fault != Fault::none && calls.size() == fault_at;
    calls.push_back(call);
    if (now && fault == Fault::fail) {
      errno = error;
      return -1;
    }
    if (now && fault != Fault::end_after) {
      ended_ = true;
      throw ProcessEnd{};
    }
    const auto result = f();
    if (now) {
      ended_ = true;
      throw ProcessEnd{};
    }
    return result;
  }

  rlx::RandomStream random_;
  bool ended_ = false;
  int last_descriptor_ = 2;
  Names names_, durable_names_;
  std::set<std::string> directories_ = {".", "/"};
  std::map<int, std::shared_ptr<File>> descriptors_;
  std::map<std::string, int> locks_;
};

static_assert(rlx::io::AppendFiles<MemoryFiles>);

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_MEMORY_FILES_HPP
