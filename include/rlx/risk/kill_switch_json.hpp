// SPDX-License-Identifier: MIT
/// @file
/// @brief The kill switch's record as JSON, with a hash, and the records that keep it in two durable texts.
#ifndef RLX_RISK_KILL_SWITCH_JSON_HPP
#define RLX_RISK_KILL_SWITCH_JSON_HPP

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/hash.hpp>
#include <rlx/core/json.hpp>
#include <rlx/risk/kill_switch.hpp>

namespace rlx::inline v0_1::risk {

namespace detail {
/// SHA-256 of the members but `sha256`, as written without spaces.
template <class Json>
std::string kill_record_hash(Json json) {
  json.erase("sha256");
  return sha256_hex(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}
/// The enumerator of a name below `count`. @throws ConfigError
template <class E, class Object>
E named(Object& object, std::string_view key, std::size_t count) {
  const auto text = object.template get<std::string>(key);
  for (std::size_t i = 0; i < count; ++i) {
    if (name(static_cast<E>(i)) == text) return static_cast<E>(i);
  }
  throw ConfigError(object.path(key) + ": '" + text + "' is not a known name");
}
}  // namespace detail

/// @throws NumericError  an equity that is not finite, which could not be read again
template <std::same_as<nlohmann::json> Json>
void to_json(Json& json, const KillSwitchRecord& record) {
  const double equities[] = {record.peak_equity, record.day_open_equity};
  detail::require_finite(equities, "equity");
  Json reasons = Json::array();
  for (const KillEvent& event : record.reasons) {
    reasons.push_back({{"at", event.at_ms},
                       {"from", name(event.from)},
                       {"to", name(event.to)},
                       {"trigger", name(event.trigger)},
                       {"text", event.text}});
  }
  json = {{"version", KillSwitchRecord::version},
          {"sequence", record.sequence},
          {"state", name(record.state)},
          {"since", record.since_ms},
          {"reasons", std::move(reasons)},
          {"peak_equity", record.peak_equity},
          {"day_open_equity", record.day_open_equity},
          {"day", record.day},
          {"tail_hit_ring", record.tail_hit_ring}};
  json["sha256"] = detail::kill_record_hash(json);
}

/// @throws ConfigError  a member is missing, unknown or wrong, another version, or the hash does not fit
template <std::same_as<nlohmann::json> Json>
void from_json(const Json& json, KillSwitchRecord& record) {
  BasicJsonObject<Json> object(json, "kill switch record");
  const auto hash = object.template get<std::string>("sha256");
  if (const std::string expected = detail::kill_record_hash(json); hash != expected) {
    throw ConfigError("kill switch record: its sha256 is '" + hash + "', the content has " + expected + "; it was changed");
  }
  if (const int version = object.template get<int>("version"); version != KillSwitchRecord::version) {
    throw ConfigError("kill switch record: expected version " + std::to_string(KillSwitchRecord::version) + ", found " +
                      std::to_string(version));
  }
  KillSwitchRecord result;
  result.sequence = object.template get<std::uint64_t>("sequence");
  result.state = detail::named<KillState>(object, "state", num_kill_states);
  result.since_ms = object.template get<std::int64_t>("since");
  for (const Json& element : object.value("reasons")) {
    BasicJsonObject<Json> event(element, object.path("reasons[" + std::to_string(result.reasons.size()) + ']'));
    result.reasons.push_back({event.template get<std::int64_t>("at"), detail::named<KillState>(event, "from", num_kill_states),
                              detail::named<KillState>(event, "to", num_kill_states),
                              detail::named<KillTrigger>(event, "trigger", num_kill_triggers),
                              event.template get<std::string>("text")});
    event.finish();
  }
  result.peak_equity = object.template get<double>("peak_equity");
  result.day_open_equity = object.template get<double>("day_open_equity");
  result.day = object.template get<std::int64_t>("day");
  result.tail_hit_ring = object.template get<std::string>("tail_hit_ring");
  if (result.tail_hit_ring.find_first_not_of("01") != std::string::npos) {
    throw ConfigError("kill switch record: tail_hit_ring may hold '0' and '1' only");
  }
  object.finish();
  record = std::move(result);
}

/**
 * @brief KillRecords in two durable texts: the record as JSON, and the sequence number of the last one.
 *
 * The number is written after the record. A record older than it was put back from a copy, and is refused; so is a number that
 * was put back by itself. Who puts back both is found by KillSwitchConfig::min_sequence only.
 * @tparam Text  io::StateFile for files
 */
template <DurableText Text>
class KillRecordJson {
 public:
  /// @param record, sequence  two different texts, such as `kill.json` and `kill.sequence`; must outlive this object
  KillRecordJson(Text& record, Text& sequence) : record_(&record), sequence_(&sequence) {}

  /// @throws CheckpointError  damaged, or not the newest; Error of the texts
  std::optional<KillSwitchRecord> load() {
    const std::optional<std::string> text = record_->load();
    const std::uint64_t written = load_sequence();
    if (!text) {
      if (written == 0) return std::nullopt;
      throw CheckpointError("the kill switch record is missing, and number " + std::to_string(written) + " was written");
    }
    KillSwitchRecord record;
    try {
      const auto json = nlohmann::json::parse(*text, nullptr, false);
      if (json.is_discarded()) throw ConfigError("kill switch record: this is not JSON, or it was cut");
      from_json(json, record);
    } catch (const Error& error) {
      throw CheckpointError(std::string("damaged ") + error.what());
    }
    if (record.sequence < written || record.sequence - written > 1) {
      throw CheckpointError("the sequence of the kill switch record has gone back: found " + std::to_string(record.sequence) +
                            ", the number beside it is " + std::to_string(written));
    }
    // Up to date before the next record is written: an end between the two would look like a number put back.
    if (record.sequence != written) store_sequence(record.sequence);
    return record;
  }

  /// Durable when it returns. @throws Error of the texts; NumericError
  void save(const KillSwitchRecord& record) {
    record_->store(nlohmann::json(record).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    store_sequence(record.sequence);
  }

 private:
  void store_sequence(std::uint64_t sequence) { sequence_->store(std::to_string(sequence) + '\n'); }
  /// 0 without a text.
  std::uint64_t load_sequence() {
    const std::optional<std::string> text = sequence_->load();
    if (!text) return 0;
    std::uint64_t number = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, number);
    if (error != std::errc() || std::string_view(stop, static_cast<std::size_t>(end - stop)) != "\n" || number == 0) {
      throw CheckpointError("the sequence number of the kill switch is damaged: expected a number and a line end");
    }
    return number;
  }

  Text* record_;
  Text* sequence_;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_KILL_SWITCH_JSON_HPP
