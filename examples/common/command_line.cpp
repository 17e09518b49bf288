// SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include <rlx/core/json.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/io/mapped_file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace app {
namespace {

/// The end of a message about an unknown name: the nearest known one, if any is near.
std::string suggestion(const std::string& wrong, const std::vector<std::string>& known) {
  const std::string meant = rlx::nearest(wrong, known);
  return meant.empty() ? "" : fmt::format(": did you mean '{}'?", meant);
}

/// Flags of the command line alone, which a file of flags cannot hold.
bool stands_alone(const std::string& name) { return name == "help" || name == "version" || name == "config"; }

bool is_flag(const std::string& text) { return text.rfind("--", 0) == 0; }

/// "a", "a and b", "a, b and c".
std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

/// What is wrong with a flag that only other commands have; empty if none has it.
/// @param asked  the command as the user named it
std::string belongs_elsewhere(const std::string& flag, const std::string& asked, const CLI::App& app) {
  std::vector<std::string> owners;
  for (const CLI::App* other : app.get_subcommands({}))
    if (other->get_option_no_throw(flag) != nullptr) owners.push_back(other->get_name());
  if (owners.empty()) return {};
  return fmt::format("{} belongs to {}: {} does not take it (--help lists all)", flag, listed(owners), asked);
}

/// An empty value is a variable of the shell that is not set, not a wish for the default. @throws UsageError
void refuse_empty_values(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    const std::vector<std::string>& values = option->results();
    if (std::find(values.begin(), values.end(), "") == values.end()) continue;
    throw UsageError(
        fmt::format("{}: expected a value, found an empty one; leave the flag out for its default", option->get_name()));
  }
}

/// One value of the file as the text the command line would hold.
std::string argument_text(const std::string& key, const nlohmann::json& value, const std::string& path) {
  if (value == "") throw UsageError(fmt::format("{}: '{}' is empty; leave it out for its default", path, key));
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw UsageError(
      fmt::format("{}: value of '{}' is {}; expected a string, a number or true/false", path, key, value.type_name()));
}

/// The keys of the JSON file as arguments, to stand before those of the command line.
std::vector<std::string> arguments_of_config(const std::string& path, const CLI::App& command, const std::string& asked,
                                             const CLI::App& app) {
  nlohmann::json config;
  try {
    config = rlx::parse_json(rlx::io::read_file(path), path);
  } catch (const rlx::Error& error) {
    throw UsageError(fmt::format("--config {}", error.what()));
  }
  if (!config.is_object()) throw UsageError(fmt::format("--config {}: expected an object of flags", path));
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    if (!stands_alone(option->get_single_name())) names.push_back(option->get_single_name());
  std::map<std::string, std::string> keys;  // by flag
  std::vector<std::string> arguments;
  for (const auto& [key, value] : config.items()) {
    std::string flag = key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (std::find(names.begin(), names.end(), flag) == names.end()) {
      const std::string elsewhere = belongs_elsewhere("--" + flag, asked, app);
      if (!elsewhere.empty() && !stands_alone(flag)) throw UsageError(fmt::format("--config {}: {}", path, elsewhere));
      throw UsageError(fmt::format("--config {}: unknown key '{}'{}", path, key, suggestion(flag, names)));
    }
    const auto [first, added] = keys.emplace(flag, key);
    if (!added) throw UsageError(fmt::format("--config {}: '{}' and '{}' are one flag", path, first->second, key));
    arguments.push_back(fmt::format("--{}={}", flag, argument_text(key, value, path)));
  }
  return arguments;
}

/// What to say of the first argument that nothing takes.
UsageError unknown_argument(CLI::App& app, const std::string& asked) {
  CLI::App* const command = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  std::vector<std::string> extras = command->remaining(true);
  if (extras.empty()) extras = app.remaining(true);
  const std::string wrong = extras.empty() ? "" : extras.front().substr(0, extras.front().find('='));
  std::vector<std::string> names;
  if (is_flag(wrong)) {
    if (command != &app) {
      if (const std::string elsewhere = belongs_elsewhere(wrong, asked, app); !elsewhere.empty()) return UsageError(elsewhere);
    }
    for (const CLI::Option* option : command->get_options()) names.push_back(option->get_name());
    return UsageError(fmt::format("unknown flag '{}'{} (--help lists all)", wrong, suggestion(wrong, names)));
  }
  if (command != &app) {
    return UsageError(
        fmt::format("unexpected '{}' after {}: values belong to flags (--help lists all)", wrong, command->get_name()));
  }
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return UsageError(fmt::format("unknown command '{}'{} (--help lists all)", wrong, suggestion(wrong, names)));
}

}  // namespace

void refuse_wrapped_numbers(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_type_name().rfind("UINT", 0) != 0) continue;
    option->check(CLI::Validator(
        [](std::string& text) {
          std::uint64_t value = 0;
          const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
          const bool whole = error == std::errc{} && end == text.data() + text.size();
          return whole ? std::string() : fmt::format("expected a whole number from 0 to 2^64 - 1, found '{}'", text);
        },
        ""));
  }
}

CLI::App* parse_command_line(CLI::App& app, std::vector<std::string> arguments, const std::string& config_path,
                             const std::string& usual, const std::function<std::map<std::string, std::string>()>& defaults) {
  const auto is_help = [](const std::string& text) { return text == "--help" || text == "-h" || text == "--version"; };
  const bool implied = arguments.empty() || (is_flag(arguments.front()) && !is_help(arguments.front()));
  if (implied) arguments.insert(arguments.begin(), usual);
  const std::string asked = implied ? fmt::format("without a command the program runs {}, which", usual) : arguments.front();
  const auto parse = [&](const std::vector<std::string>& list) {
    std::vector<std::string> reversed(list.rbegin(), list.rend());  // the form that CLI11 takes
    app.parse(reversed);
    return app.get_subcommands().front();
  };
  try {
    if (!is_flag(arguments.front())) {  // before CLI11 says only that a command is needed
      const auto commands = app.get_subcommands({});
      const bool known = std::any_of(commands.begin(), commands.end(),
                                     [&](const CLI::App* sub) { return sub->get_name() == arguments.front(); });
      if (!known && arguments.front().rfind('-', 0) != 0) {
        std::vector<std::string> names;
        for (const CLI::App* sub : commands) names.push_back(sub->get_name());
        throw UsageError(
            fmt::format("unknown command '{}'{} (--help lists all)", arguments.front(), suggestion(arguments.front(), names)));
      }
    }
    CLI::App* command = parse(arguments);
    const std::map<std::string, std::string> saved = defaults ? defaults() : std::map<std::string, std::string>();
    if (!config_path.empty() || !saved.empty()) {
      std::vector<std::string> expanded;
      for (const auto& [flag, value] : saved) expanded.push_back(fmt::format("--{}={}", flag, value));
      if (!config_path.empty()) {
        const std::vector<std::string> config = arguments_of_config(config_path, *command, asked, app);
        expanded.insert(expanded.end(), config.begin(), config.end());
      }
      const auto at = std::find(arguments.begin(), arguments.end(), command->get_name());
      expanded.insert(expanded.begin(), arguments.begin(), at + 1);
      expanded.insert(expanded.end(), at + 1, arguments.end());
      command = parse(expanded);
    }
    refuse_empty_values(*command);
    return command;
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success);
    return nullptr;
  } catch (const CLI::ExtrasError&) {
    throw unknown_argument(app, asked);
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
}

void refuse_unused_flags(const UnusedFlags& unused, const CLI::App& command) {
  for (const auto& [name, why] : unused) {
    const CLI::Option* option = command.get_option_no_throw("--" + name);
    if (option != nullptr && option->count() > 0) throw UsageError(fmt::format("--{} has no effect {}", name, why));
  }
}

std::map<std::string, std::string> values_of(const CLI::App& command, const UnusedFlags& unused) {
  std::map<std::string, std::string> values;
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_single_name();
    if (stands_alone(name) || option->get_positional() || unused.count(name) > 0) continue;
    const std::string value = option->count() > 0 ? option->results().back() : option->get_default_str();
    if (!value.empty()) values[name] = value;
  }
  return values;
}

}  // namespace app
