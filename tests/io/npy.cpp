// SPDX-License-Identifier: MIT
#include <rlx/io/npy.hpp>

#include "io/temporary_file.hpp"
#include "rlx_catch.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <unistd.h>

using rlx::DataError;
using rlx::io::load_npy;
using rlx::io::save_npy;
using rlx_test::ContainsSubstring;
using rlx_test::TemporaryFile;

namespace {

// A version 1 file with this dictionary and so many zero bytes of data.
std::string npy(const std::string& dictionary, std::size_t data_size) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xFF);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + std::string(data_size, '\0');
}

template <class T, std::size_t N>
void round_trip() {
  const TemporaryFile file;
  typename xt::xtensor<T, N>::shape_type shape;
  for (std::size_t i = 0; i < N; ++i) shape[i] = i + 2;
  xt::xtensor<T, N> array(shape);
  for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = static_cast<T>(i * 7 + 1);
  save_npy(file.path, array);
  const auto loaded = load_npy<T, N>(file.path);
  REQUIRE(loaded.shape() == array.shape());
  REQUIRE(std::memcmp(loaded.data(), array.data(), array.size() * sizeof(T)) == 0);
}

}  // namespace

TEST_CASE("arrays come back as they were saved", "[io][npy]") {
  round_trip<float, 1>();
  round_trip<float, 3>();
  round_trip<double, 2>();
  round_trip<std::int32_t, 2>();
  round_trip<std::int64_t, 4>();
  round_trip<std::uint8_t, 1>();

  const TemporaryFile file;
  const xt::xtensor<double, 2> empty(std::array<std::size_t, 2>{0, 5});
  save_npy(file.path, empty);
  REQUIRE(load_npy<double, 2>(file.path).shape() == empty.shape());
}

TEST_CASE("the file is byte for byte NumPy's", "[io][npy]") {
  // Written by NumPy 2.4.6: numpy.save(path, numpy.array([[1, 2, 3], [4, 5, 6]], '<i4'))
  const TemporaryFile file;
  const xt::xtensor<std::int32_t, 2> array = {{1, 2, 3}, {4, 5, 6}};
  save_npy(file.path, array);
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";
  header.append(117 - header.size(), ' ');
  expected += header + '\n';
  for (int i = 1; i <= 6; ++i) expected += std::string(1, static_cast<char>(i)) + std::string(3, '\0');
  REQUIRE(rlx::io::read_file(file.path) == expected);

  const xt::xtensor<std::uint8_t, 1> bytes = {7, 8};
  save_npy(file.path, bytes);
  REQUIRE_THAT(rlx::io::read_file(file.path), ContainsSubstring("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }"));
}

TEST_CASE("files that do not fit are refused", "[io][npy]") {
  const TemporaryFile file;
  const auto complaint = [&](const std::string& bytes) -> std::string {
    rlx::io::write_file_atomically(file.path, bytes);
    try {
      load_npy<float, 2>(file.path);
    } catch (const DataError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(file.path));
      return error.what();
    }
    return "accepted";
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  REQUIRE(complaint(npy(good, 24)) == "accepted");
  REQUIRE(complaint(npy("{'shape':(2,3),'descr':'<f4','fortran_order':False}", 24)) == "accepted");

  REQUIRE_THAT(complaint(""), ContainsSubstring("not a .npy file"));
  REQUIRE_THAT(complaint("a,b\n1,2\n"), ContainsSubstring("not a .npy file"));
  REQUIRE_THAT(complaint("\x93NUMPY"), ContainsSubstring("truncated"));
  std::string version2 = npy(good, 24);
  version2[6] = 2;
  REQUIRE_THAT(complaint(version2), ContainsSubstring("npy format version 2.0; expected 1.0"));
  REQUIRE_THAT(complaint(npy(good, 24).substr(0, 40)), ContainsSubstring("truncated .npy file: its header takes"));
  REQUIRE_THAT(complaint(npy(good, 23)), ContainsSubstring("shape (2, 3) does not fit the 23 bytes of data"));
  REQUIRE_THAT(complaint(npy(good, 25)), ContainsSubstring("does not fit"));
  REQUIRE_THAT(complaint(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 48)),
               ContainsSubstring("elements have type '<f8', expected '<f4'"));
  REQUIRE_THAT(complaint(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24)),
               ContainsSubstring("column-major"));
  REQUIRE_THAT(complaint(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24)),
               ContainsSubstring("the array has 1 dimensions, expected 2"));
  REQUIRE_THAT(complaint(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0)),
               ContainsSubstring("does not fit"));
  REQUIRE_THAT(complaint(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 1), }", 0)),
               ContainsSubstring("above 64 bits"));
  for (const char* broken :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", "{'descr': '<f4",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'other': 1, 'shape': (2, 3)}"}) {
    INFO(broken);
    REQUIRE_THAT(complaint(npy(broken, 24)), ContainsSubstring("npy header: "));
  }
  ::unlink(file.path.c_str());
  REQUIRE_THROWS_AS((load_npy<float, 2>(file.path)), rlx::IoError);
}
