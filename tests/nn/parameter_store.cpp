// SPDX-License-Identifier: MIT
#include <rlx/nn/parameter_store.hpp>

#include <cstdint>

#include "rlx_catch.hpp"

using rlx::nn::ParameterStore;

TEST_CASE("tensors start at multiples of 64 bytes, padding is zero and not counted") {
  ParameterStore<float> store;
  store.add("a", {3, 5}, "first");
  store.add("b", {1}, "second");
  store.add("c", {4, 4}, "first");
  REQUIRE(store.count() == 32);
  REQUIRE(store.count("first") == 31);
  REQUIRE(store.count("second") == 1);
  REQUIRE(store.parameters().size() == 48);
  REQUIRE(store.gradients().size() == 48);
  for (const auto& tensor : store.layout()) {
    REQUIRE(tensor.offset * sizeof(float) % 64 == 0);
    REQUIRE(reinterpret_cast<std::uintptr_t>(store.tensor(tensor.name).data()) % 64 == 0);
    REQUIRE(reinterpret_cast<std::uintptr_t>(store.gradient(tensor.name).data()) % 64 == 0);
  }
  REQUIRE(store.layout()[0].shape == std::vector<std::size_t>{3, 5});
  for (const float x : store.parameters()) REQUIRE(x == 0.0F);

  ParameterStore<double> wide;
  wide.add("a", {9});
  REQUIRE(wide.parameters().size() == 16);
}

TEST_CASE("adding a tensor keeps the numbers of those before") {
  ParameterStore<float> store;
  store.add("a", {2});
  store.tensor("a")[1] = 7.0F;
  store.gradient("a")[0] = 3.0F;
  const auto id = store.add("b", {100});
  REQUIRE(store.tensor("a")[1] == 7.0F);
  REQUIRE(store.gradient("a")[0] == 3.0F);
  REQUIRE(store.find("b") == id);
  store.zero_gradients();
  REQUIRE(store.gradient("a")[0] == 0.0F);
}

TEST_CASE("the hash is that of the bytes: copies agree, one changed bit does not") {
  ParameterStore<float> store;
  store.add("a", {16});
  // SHA-256 of 64 zero bytes.
  REQUIRE(store.sha256() == "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
  ParameterStore<float> copy = store;
  REQUIRE(copy.sha256() == store.sha256());
  copy.tensor("a")[3] = -0.0F;
  REQUIRE(copy.sha256() != store.sha256());
}

TEST_CASE("a parameter store refuses repeated, empty and unknown names, and empty tensors") {
  ParameterStore<float> store;
  store.add("a", {2});
  REQUIRE_THROWS_AS(store.add("a", {3}), rlx::ConfigError);
  REQUIRE_THROWS_AS(store.add("", {3}), rlx::ConfigError);
  REQUIRE_THROWS_AS(store.add("b", {3, 0}), rlx::ShapeError);
  REQUIRE_THROWS_WITH(store.tensor("c"), rlx_test::ContainsSubstring("no tensor 'c'"));
  REQUIRE(store.layout().size() == 1);
}
