// SPDX-License-Identifier: MIT
// Any bytes as a CSV file: either rows come out that CsvWriter and a second reading reproduce, or a DataError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/csv.hpp>

namespace {

using Rows = std::vector<std::vector<std::string>>;

void require(bool condition) {
  if (!condition) std::abort();
}

// All cells through columns that every header satisfies, and the typed getters until a few of them have refused a cell:
// exceptions are slow, and every refusal takes the same way.
Rows read(std::string_view text, const std::vector<std::string>& header) {
  std::vector<rlx::io::CsvColumn> columns;
  for (const std::string& name : header) columns.push_back({.name = name});
  Rows result;
  int refusals = 0;
  rlx::io::CsvReader rows(text, "fuzz.csv", columns);
  while (rows.next()) {
    result.emplace_back();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      result.back().emplace_back(rows.text(c));
      if (refusals > 5) continue;
      try {
        require(rlx::is_finite(rows.number_or(c, 0.0)));
        static_cast<void>(rows.integer_or(c, 0));
      } catch (const rlx::DataError& error) {
        ++refusals;
        require(error.line() >= 2 && error.column() >= 1);
      }
    }
  }
  require(rows.rows() == result.size());
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    rlx::io::CsvReader any(text, "fuzz.csv", {{.name = "price", .headers = {"price", "p"}, .required = false}});
    const std::vector<std::string> header(any.header().begin(), any.header().end());
    const Rows rows = read(text, header);
    rlx::io::CsvWriter writer;
    writer.row(header);
    for (const auto& row : rows) writer.row(row);
    require(read(writer.text(), header) == rows);
  } catch (const rlx::DataError&) {
  }
  return 0;
}
