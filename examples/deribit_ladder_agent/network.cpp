// SPDX-License-Identifier: MIT
// Everything that speaks to a network: Deribit's testnet, and the model behind LLM_BASE_URL. Without the component `http` there
// is neither, and the program says so.
#include "session.hpp"

#ifdef LADDER_WITH_HTTPS
#  include <rlx/core/clock.hpp>
#  include <rlx/core/hash.hpp>
#  include <rlx/io/https_transport.hpp>
#  include <rlx/options/credentials_json.hpp>
#  include <rlx/options/deribit_client.hpp>
#  include <rlx/options/llm_http.hpp>

#  include <chrono>
#  include <memory>
#  include <thread>
#endif

namespace app {

#ifdef LADDER_WITH_HTTPS

namespace {

/// A month of hourly closes of the perpetual: where realised volatility begins. Empty where they cannot be read: it is then
/// unknown until the agent's own samples are enough. A reply of the wrong venue is met again, and dealt with, by the next tick.
template <class Client>
opt::IndexHistory hourly_history(Client& client, const std::string& underlying, std::int64_t now_ms) {
  opt::IndexHistory history;
  try {
    const auto closes = client.hourly_closes(underlying, now_ms - 30LL * 86'400'000, now_ms);
    if (!closes.is_confirmed()) return history;
    for (const auto& [t_ms, value] : *closes.value)
      if (t_ms < now_ms && (history.empty() || t_ms > history.last_ms())) history.append(t_ms, value);
  } catch (const rlx::Error&) {
    history = opt::IndexHistory();
  }
  return history;
}

/// Waits for the next tick in short steps: Ctrl-C and the operator's file end it, orders whose time is over are cancelled.
template <class A>
bool wait_for_tick(A& agent, const rlx::SystemClock& clock, opt::TickReport& stopped) {
  const std::int64_t tick_ms = agent.next_tick_ms();
  std::int64_t looked_ms = clock.now_ms();
  while (clock.now_ms() < tick_ms && !interrupted) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto poll = agent.next_poll_ms();
    const bool due = poll && *poll <= clock.now_ms() && clock.now_ms() - looked_ms >= 1'000;
    if (due || agent.stop_is_due()) {
      looked_ms = clock.now_ms();
      stopped = agent.poll();
      if (stopped.stop != opt::StopCause::none) return false;
    }
  }
  return !interrupted;
}

}  // namespace

ProductionPolicy production_policy(const Agent& agent) {
  if (!agent.settings.llm_enabled) return {};
  struct Model {
    explicit Model(opt::Secret key) : http(transport, std::move(key)) {}
    rlx::io::HttpsTransport transport;
    opt::LlmHttp<rlx::io::HttpsTransport> http;
  };
  const auto model = std::make_shared<Model>(opt::load_llm_key(agent.environment));
  return {[model](const opt::AgentState& state, const opt::Settings& settings, rlx::RandomStream& random) {
    opt::ProductionDecision decision = opt::llm_decide_action(state, settings, model->http, random);
    if (!decision.failure.empty()) fmt::print("model: {}\n", decision.failure);
    return decision;
  }};
}

int run_testnet(const Options& o, Agent& agent) {
  const opt::Settings& settings = agent.settings;
  opt::DeribitConfig config;
  config.endpoint = opt::HostPolicy().resolve(settings.deribit_base_url, settings.deribit_env, settings.training_mode);
  opt::Credentials credentials = opt::load_credentials(agent.environment);
  const std::string account = "deribit-" + rlx::sha256_hex(credentials.client_id).substr(0, 12);
  rlx::SystemClock clock;
  rlx::io::HttpsTransport transport;
  opt::DeribitClient client(std::move(config), std::move(credentials), transport, clock);
  return run_session(
      o, agent, client, clock, account, false,
      [&](const std::string& underlying) { return hourly_history(client, underlying, clock.now_ms()); },
      [&](auto& a, opt::TickReport& stopped) { return wait_for_tick(a, clock, stopped); });
}

#else

ProductionPolicy production_policy(const Agent& agent) {
  if (agent.settings.llm_enabled)
    throw rlx::ConfigError("LLM_ENABLED: this program was built without HTTPS; configure with -DRLX_WITH_HTTPS=ON");
  return {};
}

int run_testnet(const Options&, Agent&) {
  throw rlx::ConfigError("--venue testnet: this program was built without HTTPS; configure with -DRLX_WITH_HTTPS=ON");
}

#endif

}  // namespace app
