// SPDX-License-Identifier: MIT
#include <rlx/io/safetensors.hpp>

#include "io/faulty_file_system.hpp"
#include "io/temporary_file.hpp"
#include "rlx_catch.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <rlx/core/random.hpp>

using rlx::CheckpointError;
using rlx::io::Digest;
using rlx::io::DType;
using rlx::io::Safetensors;
using rlx::io::tensor_view;
using rlx::io::TensorView;
using rlx::io::to_safetensors;
using rlx_test::ContainsSubstring;
using rlx_test::FaultyFileSystem;
using rlx_test::TemporaryFile;

namespace {

const std::vector<float> weights = {1.0F, -2.5F, 3.0F, 0.0F, 1e-38F, 6.0F};
const std::vector<std::uint8_t> mask = {1, 0, 255};
const std::vector<double> variance = {0.1};
const std::vector<std::int64_t> lengths = {-1, std::int64_t{1} << 60};

std::vector<std::byte> small_file() {
  const std::vector<TensorView> tensors = {tensor_view("mask", mask), tensor_view("policy/w", weights, {2, 3}),
                                           tensor_view("var", variance, {}), tensor_view("lengths", lengths)};
  return to_safetensors({{"rlx", "{\"format\": \"rlx-checkpoint\", \"n\": 3}"}, {"note", "tab\tquote\"back\\slash \xC3\xA9"}},
                        tensors);
}

// A file with this header text and data, as any other program might have written it.
std::vector<std::byte> file_with(const std::string& header, std::size_t data_size) {
  std::vector<std::byte> bytes(8 + header.size() + data_size);
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string complaint(const std::vector<std::byte>& bytes, Digest digest = Digest::optional) {
  try {
    Safetensors::from_bytes(bytes, digest, "x.safetensors");
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "accepted";
}

std::string complaint(const std::string& header, std::size_t data_size) { return complaint(file_with(header, data_size)); }

}  // namespace

TEST_CASE("tensors and texts come back as they were written", "[io][safetensors]") {
  const std::vector<std::byte> bytes = small_file();
  const Safetensors file = Safetensors::from_bytes(bytes);
  REQUIRE(file.metadata().size() == 2);
  REQUIRE(file.metadata("note") == "tab\tquote\"back\\slash \xC3\xA9");
  REQUIRE(file.sha256().size() == 64);
  // Widest elements first, so that everything is aligned.
  REQUIRE(file.tensors().size() == 4);
  REQUIRE(file.tensors()[0].name == "var");
  REQUIRE(file.tensors()[1].name == "lengths");
  REQUIRE(file.tensors()[2].name == "policy/w");
  REQUIRE(file.tensors()[3].name == "mask");
  REQUIRE(file.at("policy/w").shape == std::vector<std::size_t>{2, 3});
  REQUIRE(file.at("var").shape.empty());
  REQUIRE(file.at("mask").dtype == DType::U8);
  REQUIRE(file.values<float>("policy/w") == weights);
  REQUIRE(file.values<double>("var") == variance);
  REQUIRE(file.values<std::int64_t>("lengths") == lengths);
  REQUIRE(file.values<std::uint8_t>("mask") == mask);
  std::vector<float> out(6);
  file.read_into("policy/w", {2, 3}, std::span(out));
  REQUIRE(out == weights);
  REQUIRE(file.find("nothing") == nullptr);
}

TEST_CASE("the file is one that an independent parser reads", "[io][safetensors]") {
  const std::vector<std::byte> bytes = small_file();
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), 8);
  REQUIRE(size % 8 == 0);
  const auto* const text = reinterpret_cast<const char*>(bytes.data()) + 8;
  const auto header = nlohmann::json::parse(text, text + size);
  REQUIRE(header.size() == 5);
  REQUIRE(header["__metadata__"]["note"] == "tab\tquote\"back\\slash \xC3\xA9");
  REQUIRE(header["policy/w"]["dtype"] == "F32");
  REQUIRE(header["policy/w"]["shape"] == nlohmann::json::array({2, 3}));
  const std::size_t begin = header["policy/w"]["data_offsets"][0];
  REQUIRE(header["policy/w"]["data_offsets"][1] == begin + 24);
  REQUIRE(std::memcmp(text + size + begin, weights.data(), 24) == 0);
  REQUIRE((8 + size + begin) % 4 == 0);

  // The digest, by its definition: the whole file with the digest's digits as zeros.
  std::string whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string digest = header["__metadata__"]["sha256"];
  whole.replace(whole.find(digest), 64, std::string(64, '0'));
  REQUIRE(rlx::sha256_hex(whole) == digest);
}

TEST_CASE("files are written whole and read by mapping", "[io][safetensors]") {
  const TemporaryFile temporary;
  const std::vector<TensorView> tensors = {tensor_view("w", weights)};
  rlx::io::write_safetensors(temporary.path, {{"a", "b"}}, tensors);
  const Safetensors file = Safetensors::open(temporary.path);
  REQUIRE(file.name() == temporary.path);
  REQUIRE(file.values<float>("w") == weights);
  const std::vector<std::byte> bytes = to_safetensors({{"a", "b"}}, tensors);
  const std::string found = rlx::io::read_file(temporary.path);
  REQUIRE(found.size() == bytes.size());
  REQUIRE(std::memcmp(found.data(), bytes.data(), bytes.size()) == 0);
  REQUIRE_THROWS_AS(Safetensors::open("/nowhere/x.safetensors"), rlx::IoError);

  rlx::io::write_safetensors(temporary.path, {}, {});
  REQUIRE(Safetensors::open(temporary.path).tensors().empty());
}

TEST_CASE("a kill or a failure at any call of a save leaves the old or the new file, complete", "[io][safetensors]") {
  const TemporaryFile file;
  const auto save = [&](float value, FaultyFileSystem& files) {
    const std::vector<float> tensor(30, value);
    const std::vector<TensorView> tensors = {tensor_view("policy/w", tensor)};
    rlx::io::write_safetensors(file.path, {{"step", std::to_string(static_cast<int>(value))}}, tensors, files);
  };
  const auto found = [&] {  // throws if the file is damaged: the digest covers every byte
    const Safetensors read = Safetensors::open(file.path);
    const std::vector<float> values = read.values<float>("policy/w");
    REQUIRE(values == std::vector<float>(30, values.front()));
    REQUIRE(read.metadata().at("step") == std::to_string(static_cast<int>(values.front())));
    return values.front();
  };
  FaultyFileSystem counting{.most = 16};
  save(1.0F, counting);
  const std::size_t calls = counting.calls.size();
  REQUIRE(calls > 20);
  using Fault = FaultyFileSystem::Fault;
  for (const Fault fault : {Fault::kill_before, Fault::kill_after, Fault::fail}) {
    FaultyFileSystem whole;
    save(1.0F, whole);
    for (std::size_t at = 0; at < calls; ++at) {
      CAPTURE(at);
      const float old = found();
      const ::pid_t child = ::fork();
      if (child == 0) {
        FaultyFileSystem files{.fault = fault, .at = static_cast<int>(at), .most = 16};
        try {
          save(old + 1.0F, files);
        } catch (const rlx::IoError&) {
          ::_exit(42);
        }
        ::_exit(0);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFEXITED(status));
      // Only a failed close of the directory is no error: everything is on the disk by then.
      REQUIRE((WEXITSTATUS(status) == 42 || (fault == Fault::fail && at == calls - 1)));
      const float now = found();
      REQUIRE((now == old || now == old + 1.0F));
    }
    REQUIRE(found() > 1.0F);  // the last calls are behind the rename
  }
  REQUIRE(std::system(("rm -f " + file.path + ".*.tmp").c_str()) == 0);  // what the killed ones left
}

TEST_CASE("every flipped bit and every changed byte is refused", "[io][safetensors]") {
  const std::vector<std::byte> original = small_file();
  REQUIRE(complaint(original, Digest::required) == "accepted");
  for (std::size_t at = 0; at < original.size(); ++at) {
    std::vector<std::byte> damaged = original;
    for (unsigned value = 0; value < 256; ++value) {  // the single bits are among them
      damaged[at] = static_cast<std::byte>(value);
      if (damaged[at] == original[at]) continue;
      const std::string message = complaint(damaged, Digest::required);
      if (message == "accepted") FAIL("byte " << at << " as " << value << " was accepted");
      if (message.find("x.safetensors: ") != 0) FAIL("no file name in: " << message);
    }
  }
}

TEST_CASE("every truncation and every addition is refused", "[io][safetensors]") {
  const std::vector<std::byte> original = small_file();
  for (std::size_t size = 0; size < original.size(); ++size) {
    const std::vector<std::byte> cut(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size));
    if (complaint(cut, Digest::required) == "accepted") FAIL("accepted after " << size << " bytes");
  }
  std::vector<std::byte> longer = original;
  longer.push_back(std::byte{0});
  REQUIRE(complaint(longer, Digest::required) != "accepted");
}

TEST_CASE("a file without a digest is refused unless that is allowed", "[io][safetensors]") {
  const auto bytes = file_with(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  REQUIRE_THAT(complaint(bytes, Digest::required), ContainsSubstring("metadata key 'sha256' is missing"));
  REQUIRE(complaint(bytes, Digest::optional) == "accepted");
  // Spaces and order of keys are free in files of other programs.
  REQUIRE(complaint("{ \"a\" : {\"data_offsets\":[0,\n4], \"shape\": [ ], \"dtype\":\"I32\"} }  ", 4) == "accepted");
  REQUIRE(complaint("{}", 0) == "accepted");
}

TEST_CASE("strict reading names what is wrong", "[io][safetensors]") {
  const auto tensor = [](const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}";
  };
  REQUIRE_THAT(complaint(std::vector<std::byte>(7)), ContainsSubstring("x.safetensors: truncated: 7 bytes"));
  REQUIRE_THAT(complaint(std::vector<std::byte>(8)), ContainsSubstring("must begin with '{'"));
  REQUIRE_THAT(complaint(" {}", 0), ContainsSubstring("must begin with '{'"));
  auto huge = file_with("{}", 0);
  huge[7] = std::byte{0x80};
  REQUIRE_THAT(complaint(huge), ContainsSubstring("at most 100 MB"));
  auto longer = file_with("{}", 0);
  longer[0] = std::byte{3};
  REQUIRE_THAT(complaint(longer), ContainsSubstring("truncated: the header is 3 bytes"));

  REQUIRE_THAT(complaint("{" + tensor("a", "F16", "2", "0,4") + "}", 4), ContainsSubstring("tensor 'a': unknown type 'F16'"));
  REQUIRE_THAT(complaint("{" + tensor("a", "F32", "2", "0,4") + "}", 4),
               ContainsSubstring("tensor 'a' F32 [2] does not fit its 4 bytes"));
  REQUIRE_THAT(complaint("{" + tensor("a", "F32", "2", "0,8") + "}", 4),
               ContainsSubstring("ends at 8; the file has 4 bytes of data"));
  REQUIRE_THAT(complaint("{" + tensor("a", "F32", "1", "0,4") + "}", 5),
               ContainsSubstring("the tensors take 4 bytes, the file has 5"));
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "4", "0,4") + "," + tensor("b", "U8", "4", "3,7") + "}", 7),
               ContainsSubstring("tensor 'b' begins at 3, expected 4"));
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "4", "0,4") + "," + tensor("b", "U8", "4", "5,9") + "}", 9),
               ContainsSubstring("tensor 'b' begins at 5, expected 4"));
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "4", "4,8") + "," + tensor("b", "U8", "4", "0,4") + "}", 8),
               ContainsSubstring("tensor 'a' begins at 4, expected 0"));
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "0", "0,0") + "," + tensor("a", "U8", "0", "0,0") + "}", 0),
               ContainsSubstring("tensor 'a' occurs twice"));
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "4", "4,0") + "}", 4), ContainsSubstring("tensor 'a' begins at 4"));

  // Sizes whose product wraps around in 64 bits.
  REQUIRE_THAT(complaint("{" + tensor("a", "U8", "4294967296,4294967296", "0,0") + "}", 0), ContainsSubstring("does not fit"));
  REQUIRE_THAT(complaint("{" + tensor("a", "F64", "2305843009213693952", "0,0") + "}", 0), ContainsSubstring("does not fit"));
  REQUIRE_THAT(complaint("{" + tensor("a", "F64", "18446744073709551616", "0,0") + "}", 0), ContainsSubstring("above 64 bits"));

  const auto header = [](const std::string& text) { return complaint(text, 0); };
  REQUIRE_THAT(header("{} x"), ContainsSubstring("text after the end of the header"));
  REQUIRE_THAT(header(std::string("{}\0", 3)), ContainsSubstring("text after the end of the header"));
  REQUIRE_THAT(header("{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}"),
               ContainsSubstring("must have dtype, shape and data_offsets"));
  REQUIRE_THAT(header("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}"), ContainsSubstring("'dtype' occurs twice"));
  REQUIRE_THAT(header("{\"a\":{\"type\":\"U8\"}}"), ContainsSubstring("unknown key 'type'"));
  REQUIRE_THAT(header("{" + tensor("a", "U8", "0", "0") + "}"), ContainsSubstring("data_offsets must be two numbers"));
  REQUIRE_THAT(header("{" + tensor("a", "U8", "-1", "0,0") + "}"), ContainsSubstring("expected a number"));
  REQUIRE_THAT(header("{" + tensor("a", "U8", "1.5", "0,0") + "}"), ContainsSubstring("expected ']', found '.'"));
  REQUIRE_THAT(header("{" + tensor("a", "U8", "01", "0,0") + "}"), ContainsSubstring("leading zero"));
  REQUIRE_THAT(header("{\"a\":"), ContainsSubstring("found the end of the header"));
  REQUIRE_THAT(header("{\"a"), ContainsSubstring("without its closing quote"));
  REQUIRE_THAT(header("{\"__metadata__\":{},\"__metadata__\":{}}"), ContainsSubstring("'__metadata__' occurs twice"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"), ContainsSubstring("metadata key 'k' occurs twice"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"k\":1}}"), ContainsSubstring("expected '\"', found '1'"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"k\":\"\\ud800\"}}"), ContainsSubstring("surrogate"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"k\":\"\\x\"}}"), ContainsSubstring("header byte 22: expected an escape such as"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"k\":\"\n\"}}"), ContainsSubstring("control character"));
  REQUIRE_THAT(header("{\"__metadata__\":{\"sha256\":\"abc\"}}"), ContainsSubstring("not a digest"));
}

TEST_CASE("escapes in texts of other programs are understood", "[io][safetensors]") {
  const auto bytes = file_with(R"({"__metadata__":{"k":"\u0041\u00e9\u20ac\ud83d\ude00\n\/\"\\"}})", 0);
  REQUIRE(Safetensors::from_bytes(bytes, Digest::optional).metadata("k") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n/\"\\");
}

TEST_CASE("reading a tensor that does not fit names the difference", "[io][safetensors]") {
  const std::vector<std::byte> bytes = small_file();
  const Safetensors file = Safetensors::from_bytes(bytes, Digest::required, "m.safetensors");
  std::vector<float> six(6), five(5);
  std::vector<double> doubles(6);
  REQUIRE_THROWS_WITH(file.at("policy/v"), "m.safetensors: tensor 'policy/v' is missing (there is 'policy/w')");
  REQUIRE_THROWS_WITH(file.metadata("absent"), "m.safetensors: metadata key 'absent' is missing");
  REQUIRE_THROWS_WITH(file.read_into("policy/w", std::span(doubles)),
                      "m.safetensors: tensor 'policy/w' has type F32, expected F64");
  REQUIRE_THROWS_WITH(file.read_into("policy/w", std::span(five)),
                      "m.safetensors: tensor 'policy/w' has shape [2, 3], expected 5 elements");
  REQUIRE_THROWS_WITH(file.read_into("policy/w", {3, 2}, std::span(six)),
                      "m.safetensors: tensor 'policy/w' has shape [2, 3], expected [3, 2]");
  REQUIRE_THROWS_AS(file.values<std::int32_t>("policy/w"), CheckpointError);
}

TEST_CASE("writing refuses what the format cannot hold", "[io][safetensors]") {
  const std::vector<TensorView> wrong = {tensor_view("w", weights, {7})};
  REQUIRE_THROWS_WITH(to_safetensors({}, wrong), "safetensors: tensor 'w' F32 [7] does not fit its 24 bytes");
  const std::vector<TensorView> twice = {tensor_view("w", weights), tensor_view("w", mask)};
  REQUIRE_THROWS_WITH(to_safetensors({}, twice), "safetensors: two tensors are called 'w'");
  const std::vector<TensorView> reserved = {tensor_view("__metadata__", mask)};
  REQUIRE_THROWS_AS(to_safetensors({}, reserved), rlx::ConfigError);
  REQUIRE_THROWS_AS(to_safetensors({{"sha256", "x"}}, {}), rlx::ConfigError);
}

TEST_CASE("random files come back as they were written", "[io][safetensors]") {
  rlx::RandomStream random({.seed = 3, .purpose = rlx::Purpose::user});
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, std::string> metadata;
    std::vector<std::vector<double>> doubles(random.bounded(4));
    std::vector<std::vector<std::uint8_t>> bytes(random.bounded(4));
    std::vector<TensorView> tensors;
    const auto text = [&] {
      std::string result;
      const auto length = random.bounded(20);
      for (std::uint64_t i = 0; i < length; ++i) result += static_cast<char>(random.bounded(128));
      return result;
    };
    for (std::uint64_t i = random.bounded(4); i > 0; --i) metadata["k" + text()] = text();
    for (std::size_t i = 0; i < doubles.size(); ++i) {
      for (std::uint64_t n = random.bounded(30); n > 0; --n) doubles[i].push_back(random.normal());
      tensors.push_back(tensor_view("d" + std::to_string(i) + text(), doubles[i], {1, doubles[i].size(), 1}));
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (std::uint64_t n = random.bounded(30); n > 0; --n) bytes[i].push_back(static_cast<std::uint8_t>(random.next_u32()));
      tensors.insert(tensors.begin(), tensor_view("b" + std::to_string(i) + text(), bytes[i]));
    }
    const std::vector<std::byte> packed = to_safetensors(metadata, tensors);
    REQUIRE(packed == to_safetensors(metadata, tensors));
    const Safetensors file = Safetensors::from_bytes(packed);
    REQUIRE(file.metadata() == metadata);
    REQUIRE(file.tensors().size() == tensors.size());
    for (const TensorView& tensor : tensors) {
      const TensorView& found = file.at(tensor.name);
      REQUIRE(found.dtype == tensor.dtype);
      REQUIRE(found.shape == tensor.shape);
      REQUIRE(std::equal(found.data.begin(), found.data.end(), tensor.data.begin(), tensor.data.end()));
    }
  }
}
