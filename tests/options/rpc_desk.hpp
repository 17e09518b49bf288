// SPDX-License-Identifier: MIT
/// @file
/// @brief A small exchange that answers JSON-RPC as the documentation shows, with faults on demand. Knows nothing of networks.
#ifndef RLX_TESTS_OPTIONS_RPC_DESK_HPP
#define RLX_TESTS_OPTIONS_RPC_DESK_HPP

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlx_test {

class RpcDesk {
 public:
  using Json = nlohmann::ordered_json;

  std::string testnet = "true";                    // the JSON of the flag; empty: missing
  std::int64_t id_shift = 0;                       // the id of replies is that of the request plus this
  std::map<std::string, std::deque<Json>> errors;  // taken before anything is done
  std::map<std::string, std::string> results;      // instead of the desk's own
  std::string token = "TOKEN-abc-123";
  std::int64_t expires_in = 900;
  bool check_token = false;
  double fill_part = 0.0;                       // of an order on arrival
  std::int64_t now_us = 1'767'340'800'000'000;  // 2026-01-02 08:00 UTC
  int limits_rate = 0;
  bool positions_from_fills = false;
  std::vector<std::string> methods;
  std::vector<Json> params;
  std::vector<Json> orders;
  Json quotes = Json::array();  // rows of the book summary, for tickers of the same prices

  int calls(const std::string& method) const { return static_cast<int>(std::count(methods.begin(), methods.end(), method)); }

  /// The reply to one request, and its HTTP status.
  std::pair<int, std::string> answer(const std::string& path, const std::string& body, const std::string& authorization) {
    const Json request = Json::parse(body);
    const std::string method = request.at("method");
    methods.push_back(method);
    params.push_back(request.at("params"));
    Json reply = {{"jsonrpc", "2.0"}, {"id", request.at("id").get<std::int64_t>() + id_shift}};
    int status = 200;
    const auto error = [&](int code, const std::string& message) {
      reply["error"] = {{"code", code}, {"message", message}};
      status = 400;
    };
    if (path != "/api/v2/" + method || request.at("jsonrpc") != "2.0") {
      error(-32600, "request entity");
    } else if (auto& queue = errors[method]; !queue.empty()) {
      reply["error"] = queue.front();
      queue.pop_front();
      status = 400;
    } else if (method.starts_with("private/") && check_token && authorization != "Bearer " + token) {
      error(13009, "unauthorized");
    } else {
      reply["result"] = results.contains(method) ? Json::parse(results.at(method)) : result_of(method, params.back());
    }
    reply["usIn"] = now_us;
    reply["usOut"] = now_us + 1234;
    reply["usDiff"] = 1234;
    if (!testnet.empty()) reply["testnet"] = Json::parse(testnet);
    return {status, reply.dump()};
  }

  Json option(const std::string& name, double strike, std::int64_t expiry) const {
    return {{"tick_size", 0.0001},
            {"tick_size_steps", {{{"above_price", 0.005}, {"tick_size", 0.0005}}}},
            {"taker_commission", 0.0003},
            {"maker_commission", 0.0003},
            {"settlement_currency", "BTC"},
            {"min_trade_amount", 0.1},
            {"kind", "option"},
            {"is_active", true},
            {"state", "open"},
            {"instrument_name", name},
            {"expiration_timestamp", expiry},
            {"strike", strike},
            {"option_type", name.ends_with("-C") ? "call" : "put"},
            {"creation_timestamp", expiry - 30 * 86'400'000LL},
            {"base_currency", "BTC"}};
  }

 private:
  Json result_of(const std::string& method, const Json& p) {
    if (method == "public/auth") {
      return {{"access_token", token},
              {"expires_in", expires_in},
              {"refresh_token", "REFRESH-1"},
              {"scope", "account:read"},
              {"token_type", "bearer"}};
    }
    if (method == "public/test") return {{"version", "1.2.26"}};
    if (method == "public/get_time") return now_us / 1000;
    if (method == "public/get_index_price") return {{"index_price", 90000.5}, {"estimated_delivery_price", 90000.5}};
    if (method == "public/get_instruments") {
      return Json::array({option("BTC-16JAN26-95000-C", 95000, 1'768'550'400'000),
                          option("BTC-16JAN26-99000-C", 99000, 1'768'550'400'000),
                          option("BTC-16JAN26-80000-P", 80000, 1'768'550'400'000)});
    }
    if (method == "public/get_book_summary_by_currency") {
      return Json::array({{{"instrument_name", "BTC-16JAN26-99000-C"},
                           {"bid_price", 0.0065},
                           {"ask_price", 0.007},
                           {"mark_price", 0.00657456},
                           {"mark_iv", 45.0},
                           {"underlying_price", 90100.25},
                           {"open_interest", 321.5},
                           {"creation_timestamp", now_us / 1000}},
                          {{"instrument_name", "BTC-16JAN26-95000-C"},
                           {"bid_price", nullptr},
                           {"ask_price", 0.016},
                           {"mark_price", 0.0152},
                           {"mark_iv", 44.1},
                           {"underlying_price", 90100.25},
                           {"open_interest", 12.0},
                           {"creation_timestamp", now_us / 1000}}});
    }
    for (const Json& row : method == "public/ticker" ? quotes : Json::array()) {
      if (row.at("instrument_name") != p.at("instrument_name")) continue;
      return {{"instrument_name", row.at("instrument_name")},
              {"best_bid_price", row.at("bid_price")},
              {"best_bid_amount", 5.0},
              {"best_ask_price", row.at("ask_price")},
              {"best_ask_amount", 5.0},
              {"mark_price", row.at("mark_price")},
              {"mark_iv", row.at("mark_iv")},
              {"greeks", {{"delta", 0.3}}},
              {"index_price", 90000.5},
              {"underlying_price", row.at("underlying_price")},
              {"open_interest", row.at("open_interest")},
              {"timestamp", now_us / 1000}};
    }
    if (method == "public/ticker") {
      return {{"instrument_name", p.at("instrument_name")},
              {"best_bid_price", 0.0065},
              {"best_bid_amount", 12.3},
              {"best_ask_price", 0.007},
              {"best_ask_amount", 4.0},
              {"mark_price", 0.0066},
              {"mark_iv", 45.2},
              {"greeks", {{"delta", 0.151}, {"vega", 41.0}}},
              {"index_price", 90000.5},
              {"underlying_price", 90100.25},
              {"open_interest", 321.5},
              {"timestamp", now_us / 1000},
              {"state", "open"}};
    }
    if (method == "public/get_tradingview_chart_data") {
      return {
          {"ticks", {now_us / 1000 - 7'200'000, now_us / 1000 - 3'600'000}}, {"close", {89900.0, 90010.5}}, {"status", "ok"}};
    }
    if (method == "private/get_account_summary") {
      Json account = {{"currency", p.at("currency")},
                      {"equity", 2.5},
                      {"available_funds", 2.25},
                      {"initial_margin", 0.25},
                      {"maintenance_margin", 0.125}};
      if (limits_rate > 0) {
        account["limits"] = {{"limits_per_currency", false},
                             {"non_matching_engine", {{"rate", limits_rate}, {"burst", limits_rate}}},
                             {"matching_engine", {{"trading", {{"total", {{"rate", limits_rate}, {"burst", limits_rate}}}}}}}};
      }
      return account;
    }
    if (method == "private/get_positions" && positions_from_fills) {
      std::map<std::string, double> sizes;
      for (const Json& order : orders) {
        const double filled = order.at("filled_amount");
        sizes[order.at("instrument_name")] += order.at("direction") == "sell" ? -filled : filled;
      }
      Json positions = Json::array();
      for (const auto& [name, size] : sizes) {
        if (size == 0.0) continue;
        positions.push_back({{"instrument_name", name},
                             {"kind", "option"},
                             {"direction", size < 0 ? "sell" : "buy"},
                             {"size", size},
                             {"average_price", 0.007},
                             {"mark_price", 0.0066},
                             {"delta", 0.15 * size}});
      }
      return positions;
    }
    if (method == "private/get_positions") {
      return Json::array({{{"instrument_name", "BTC-16JAN26-99000-C"},
                           {"kind", "option"},
                           {"direction", "sell"},
                           {"size", -0.2},
                           {"average_price", 0.0071},
                           {"mark_price", 0.0066},
                           {"delta", -0.0302}}});
    }
    if (method == "private/get_open_orders_by_currency")
      return matching([](const Json& o) { return o.at("order_state") == "open"; });
    if (method == "private/get_order_state_by_label")
      return matching([&](const Json& o) { return o.at("label") == p.at("label"); });
    if (method == "private/get_margins") return {{"buy", 0.001}, {"sell", 0.1125}, {"min_price", 0.001}, {"max_price", 0.02}};
    if (method == "private/get_settlement_history_by_currency") {
      return {{"settlements",
               {{{"type", "delivery"},
                 {"instrument_name", "BTC-2JAN26-88000-C"},
                 {"timestamp", now_us / 1000},
                 {"position", -0.1},
                 {"index_price", 90000.0},
                 {"mark_price", 0.02222}},
                {{"type", "delivery"},
                 {"instrument_name", "BTC-1JAN26-88000-C"},
                 {"timestamp", now_us / 1000 - 86'400'000},
                 {"position", -0.1},
                 {"index_price", 89000.0}}}},
              {"continuation", nullptr}};
    }
    if (method == "private/get_user_trades_by_order") {
      for (const Json& order : orders) {
        if (order.at("order_id") == p.at("order_id")) return Json::array({trade(order)});
      }
      return Json::array();
    }
    if (method == "private/sell" || method == "private/buy") {
      const double amount = p.at("amount"), filled = amount * fill_part;
      Json order = {{"order_id", "BTC-" + std::to_string(orders.size() + 1)},
                    {"label", p.at("label")},
                    {"instrument_name", p.at("instrument_name")},
                    {"direction", method.substr(8)},
                    {"order_state", fill_part == 1.0 ? "filled" : "open"},
                    {"amount", amount},
                    {"price", p.at("price")},
                    {"filled_amount", filled},
                    {"average_price", filled > 0 ? p.at("price").get<double>() : 0.0},
                    {"reduce_only", p.contains("reduce_only")},
                    {"creation_timestamp", now_us / 1000}};
      orders.push_back(order);
      return {{"trades", filled > 0 ? Json::array({trade(order)}) : Json::array()}, {"order", order}};
    }
    if (method == "private/cancel") {
      for (Json& order : orders) {
        if (order.at("order_id") != p.at("order_id")) continue;
        order["order_state"] = "cancelled";
        return order;
      }
    }
    if (method == "private/cancel_by_label" || method == "private/cancel_all") {
      int cancelled = 0;
      for (Json& order : orders) {
        if (order.at("order_state") != "open" || (p.contains("label") && order.at("label") != p.at("label"))) continue;
        order["order_state"] = "cancelled";
        ++cancelled;
      }
      return cancelled;
    }
    return nullptr;
  }

  static Json trade(const Json& order) {
    return {{"trade_id", "T-" + order.at("order_id").get<std::string>()},
            {"timestamp", order.at("creation_timestamp")},
            {"amount", order.at("filled_amount")},
            {"price", order.at("price")},
            {"fee", 0.00001},
            {"index_price", 90000.5}};
  }
  template <class F>
  Json matching(F&& wanted) const {
    Json found = Json::array();
    for (const Json& order : orders) {
      if (wanted(order)) found.push_back(order);
    }
    return found;
  }
};

}  // namespace rlx_test

#endif
