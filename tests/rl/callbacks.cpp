// SPDX-License-Identifier: MIT
#include <rlx/rl/callbacks.hpp>

#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "rl/fake_learner.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

const auto make_env = [](std::size_t) { return rlx::InvalidActionEnv(5, 2, 16); };

struct Run {
  Run()
      : pool(1),
        envs({.num_envs = 8, .seed = 3}, pool, make_env),
        ppo({.learning_rate = 2e-3, .n_steps = 16, .batch_size = 64, .n_epochs = 2, .gamma = 0.4}, envs,
            rlx::nn::mlp_actor_critic({.observation = 5, .action = 5, .pi = {16}, .vf = {16}}), pool) {}
  rlx::ThreadPool pool;
  rlx::VectorEnv<rlx::InvalidActionEnv> envs;
  rlx::Ppo<rlx::InvalidActionEnv> ppo;
};

bool exists(const std::string& path) {
  std::FILE* f = std::fopen(path.c_str(), "rb");
  if (f != nullptr) std::fclose(f);
  return f != nullptr;
}

void remove_checkpoint(const std::string& path) {
  std::remove(path.c_str());
  std::remove(rlx::description_path(path).c_str());
}

}  // namespace

TEST_CASE("The best model is the arg-max of the evaluations, ties and NaN keep the older", "[rl][callbacks]") {
  Run run;
  const std::string best = "/tmp/rlx_test_best_" + std::to_string(::getpid()) + ".safetensors";
  const std::vector<double> scores{1.0, std::numeric_limits<double>::quiet_NaN(), 3.0, 3.0, 2.0};
  std::size_t evaluations = 0;
  std::vector<std::uint64_t> new_best;
  rlx::EvalCallback callback(make_env, {.eval_freq = 2 * 128,
                                        .n_eval_episodes = 2,
                                        .best_model_path = best,
                                        .score = [&](const rlx::Evaluation&) { return scores.at(evaluations++); },
                                        .callback_on_new_best =
                                            [&](rlx::Learner& learner, const rlx::Evaluation&) {
                                              new_best.push_back(learner.num_timesteps());
                                              return true;
                                            }});
  run.ppo.learn(10 * 128, {.callbacks = {&callback}});
  REQUIRE(evaluations == 5);
  REQUIRE(new_best == std::vector<std::uint64_t>{256, 768});
  REQUIRE(run.ppo.best->score == 3.0);
  REQUIRE(run.ppo.best->num_timesteps == 768);
  REQUIRE(callback.history().size() == 5);
  Run loaded;
  loaded.ppo.load(best);
  REQUIRE(loaded.ppo.num_timesteps() == 768);
  REQUIRE(loaded.ppo.best->score == 3.0);  // the file knows that it is the best
  remove_checkpoint(best);
}

TEST_CASE("A best model whose saving another callback's failure prevented is saved when training goes on", "[rl][callbacks]") {
  Run run;
  const std::string best = "/tmp/rlx_test_unsaved_best_" + std::to_string(::getpid()) + ".safetensors";
  std::size_t evaluations = 0, others = 0;  // the second evaluation has the highest score
  rlx::EvalCallback callback(
      make_env, {.eval_freq = 128, .n_eval_episodes = 2, .best_model_path = best, .score = [&](const rlx::Evaluation&) {
                   return ++evaluations == 2 ? 5.0 : 1.0;
                 }});
  rlx::EvalCallback failing(make_env, {.eval_freq = 128,
                                       .n_eval_episodes = 2,
                                       .score =
                                           [&](const rlx::Evaluation&) {
                                             if (++others == 2) throw rlx::NumericError("no score");
                                             return 0.0;
                                           },
                                       .name = "other"});
  const std::vector<rlx::Callback*> both{&callback, &failing};
  REQUIRE_THROWS_AS(run.ppo.learn(4 * 128, {.callbacks = both}), rlx::NumericError);
  run.ppo.learn(4 * 128, {.callbacks = both, .reset_num_timesteps = false});
  REQUIRE(run.ppo.best->num_timesteps == 256);
  Run loaded;
  loaded.ppo.load(best);
  REQUIRE(loaded.ppo.num_timesteps() == 256);
  remove_checkpoint(best);
}

TEST_CASE("Scores can be averaged, and an evaluation can end the training", "[rl][callbacks]") {
  Run run;
  std::size_t evaluations = 0;
  rlx::EvalCallback callback(make_env,
                             {.eval_freq = 128,
                              .n_eval_episodes = 1,
                              .both = true,
                              .average_last = 3,
                              .score = [&](const rlx::Evaluation&) { return static_cast<double>(++evaluations); },
                              .callback_after_eval = [&](rlx::Learner&, const rlx::Evaluation&) { return evaluations < 4; }});
  rlx::Logger logger;
  const rlx::LearnResult result = run.ppo.learn(100 * 128, {.callbacks = {&callback}, .logger = &logger});
  REQUIRE(result.stopped);
  REQUIRE(result.num_timesteps == 4 * 128);
  REQUIRE(run.ppo.best->score == 3.0);  // (2 + 3 + 4) / 3
  REQUIRE(logger.value("eval/mean_reward") >= 0.0);
  REQUIRE(logger.value("eval/sampled_reward") >= 0.0);
  // The other half comes with the interval of the difference, paired by episode, of the very policy that was evaluated.
  rlx::EvalCallback pairs(make_env,
                          {.eval_freq = 128, .n_eval_episodes = 8, .deterministic = false, .both = true, .name = "pairs"});
  run.ppo.learn(128, {.callbacks = {&pairs}, .logger = &logger, .reset_num_timesteps = false});
  const rlx::EvaluationPair pair = rlx::evaluate_both(run.ppo.policy(), make_env, {.n_eval_episodes = 8});
  REQUIRE(logger.value("pairs/mean_reward") == pair.sampled.mean_reward);
  REQUIRE(logger.value("pairs/deterministic_reward") == pair.deterministic.mean_reward);
  REQUIRE(logger.value("pairs/deterministic_gain") == pair.mean_difference);
  REQUIRE(logger.value("pairs/deterministic_gain_low") == pair.interval.low);
  REQUIRE(logger.value("pairs/deterministic_gain_high") == pair.interval.high);
  REQUIRE(pairs.last()->returns() == pair.sampled.returns());
}

TEST_CASE("Checkpoints by episodes and by timesteps", "[rl][callbacks]") {
  Run run;
  const std::string prefix = "rlx_test_cb_" + std::to_string(::getpid());
  // 8 episodes end in each rollout of 16 steps.
  rlx::CheckpointCallback by_episodes(
      {.save_freq = 20, .unit = rlx::CountUnit::episodes, .path = "/tmp", .prefix = prefix, .final_name = prefix + "_final"});
  rlx::CheckpointCallback by_steps({.save_freq = 128, .path = "/tmp", .prefix = prefix, .keep_last = 2});
  run.ppo.learn(6 * 128, {.callbacks = {&by_episodes, &by_steps}});
  REQUIRE(by_episodes.saved() ==
          std::vector<std::string>{"/tmp/" + prefix + "_ep20.safetensors", "/tmp/" + prefix + "_ep40.safetensors"});
  REQUIRE(by_steps.saved() ==
          std::vector<std::string>{"/tmp/" + prefix + "_640.safetensors", "/tmp/" + prefix + "_768.safetensors"});
  REQUIRE_FALSE(exists("/tmp/" + prefix + "_128.safetensors"));
  REQUIRE_FALSE(exists("/tmp/" + prefix + "_128.json"));
  REQUIRE(exists("/tmp/" + prefix + "_768.json"));
  REQUIRE(exists("/tmp/" + prefix + "_final.safetensors"));
  Run loaded;
  loaded.ppo.load("/tmp/" + prefix + "_ep20.safetensors");
  REQUIRE(loaded.ppo.num_episodes() == 24);
  for (const auto& list : {by_episodes.saved(), by_steps.saved()}) {
    for (const std::string& path : list) remove_checkpoint(path);
  }
  remove_checkpoint("/tmp/" + prefix + "_final.safetensors");
  // A place where nothing can be written is an error before the first rollout, not at the first save.
  const std::uint64_t updates = run.ppo.n_updates();
  rlx::CheckpointCallback nowhere({.save_freq = 100'000, .path = "/nonexistent"});
  REQUIRE_THROWS_AS(run.ppo.learn(128, {.callbacks = {&nowhere}}), rlx::IoError);
  rlx::EvalCallback nothing(make_env, {.eval_freq = 100'000, .best_model_path = "/nonexistent/best.safetensors"});
  REQUIRE_THROWS_AS(run.ppo.learn(128, {.callbacks = {&nothing}}), rlx::IoError);
  REQUIRE(run.ppo.n_updates() == updates);
  REQUIRE_THROWS_AS(rlx::CheckpointCallback({.save_freq = 0}), rlx::ConfigError);
}

TEST_CASE("The progress line is written for terminals only", "[rl][callbacks]") {
  for (const bool terminal : {true, false}) {
    Run run;
    std::ostringstream out;
    rlx::ProgressBar progress(out, terminal);
    run.ppo.learn(2 * 128, {.callbacks = {&progress}});
    REQUIRE(out.str().empty() != terminal);
    if (terminal) REQUIRE_THAT(out.str(), ContainsSubstring("100.0 %"));
  }
}

TEST_CASE("Training stops at a reward threshold", "[rl][callbacks]") {
  Run run;
  const std::vector<double> scores{1.0, 2.0, 1.5, 3.0, 5.0};
  std::size_t evaluations = 0;
  rlx::EvalCallback callback(make_env, {.eval_freq = 128,
                                        .n_eval_episodes = 1,
                                        .score = [&](const rlx::Evaluation&) { return scores.at(evaluations++); },
                                        .callback_on_new_best = rlx::StopTrainingOnRewardThreshold(3.0)});
  const rlx::LearnResult result = run.ppo.learn(5 * 128, {.callbacks = {&callback}});
  REQUIRE(result.stopped);
  REQUIRE(evaluations == 4);
  REQUIRE(run.ppo.best->score == 3.0);
  REQUIRE_THROWS_AS(rlx::StopTrainingOnRewardThreshold(std::numeric_limits<double>::quiet_NaN()), rlx::ConfigError);
}

TEST_CASE("Training stops when the best model is not beaten any more", "[rl][callbacks]") {
  // Evaluations 1 and 2 are not judged. 3 is no better than 2 (one without), 4 is (none), then 5, 6 and 7 are not: the third
  // in a row exceeds two.
  const std::vector<double> scores{1.0, 2.0, 2.0, 4.0, std::numeric_limits<double>::quiet_NaN(), 3.0, 4.0, 9.0};
  Run run;
  std::size_t evaluations = 0;
  rlx::EvalCallback callback(make_env, {.eval_freq = 128,
                                        .n_eval_episodes = 1,
                                        .score = [&](const rlx::Evaluation&) { return scores.at(evaluations++); },
                                        .callback_after_eval = rlx::StopTrainingOnNoModelImprovement(2, 2)});
  const rlx::LearnResult result = run.ppo.learn(8 * 128, {.callbacks = {&callback}});
  REQUIRE(result.stopped);
  REQUIRE(evaluations == 7);
  REQUIRE(callback.last()->rank.without_improvement == 3);
  REQUIRE(callback.last()->rank.best_score == 4.0);
  // With none allowed and nothing excused, the first evaluation that is no better stops; one without any model does as well.
  const FakeLearner learner;
  const rlx::StopTrainingOnNoModelImprovement strict(0);
  rlx::Evaluation evaluation;
  evaluation.rank = {.evaluations = 1, .without_improvement = 1};
  REQUIRE_FALSE(strict(learner, evaluation));
  evaluation.rank = {-5.0, -5.0, 1, 0};
  REQUIRE(strict(learner, evaluation));
  evaluation.rank = {-5.0, -5.0, 2, 1};
  REQUIRE_FALSE(strict(learner, evaluation));
}

TEST_CASE("A run with evaluations resumes to the same bytes, whatever the order of its callbacks", "[rl][callbacks][resume]") {
  // The checkpoints are asked for first, and two evaluations with means of their own judge the model.
  struct Watched {
    Watched(const std::string& prefix, std::uint64_t stop)
        : checkpoints({.save_freq = 128, .path = "/tmp", .prefix = prefix}),
          main(make_env, {.eval_freq = 256,
                          .n_eval_episodes = 3,
                          .average_last = 3,
                          .callback_after_eval = rlx::StopTrainingOnNoModelImprovement(2, 3)}),
          hard(make_env,
               {.eval_freq = 128, .n_eval_episodes = 2, .deterministic = false, .seed = 9, .average_last = 2, .name = "hard"}),
          end(stop) {}
    std::vector<rlx::Callback*> all() { return {&checkpoints, &main, &hard, &end}; }
    struct End final : rlx::Callback {
      explicit End(std::uint64_t n) : updates(n) {}
      bool on_update_end(rlx::Learner& learner) override { return learner.n_updates() < updates; }
      std::uint64_t updates;
    };
    rlx::CheckpointCallback checkpoints;
    rlx::EvalCallback<decltype(make_env)> main, hard;
    End end;
  };
  const std::string prefix = "rlx_test_order_" + std::to_string(::getpid());
  const std::uint64_t steps = 12 * 128;
  Run whole;
  Watched first(prefix + "_whole", 100);
  whole.ppo.learn(steps, {.callbacks = first.all()});
  const std::size_t made = first.checkpoints.saved().size();
  REQUIRE(made > 6);
  for (const std::uint64_t k : {4U, 5U}) {
    Run begun;
    Watched before(prefix + "_begun", k);
    begun.ppo.learn(steps, {.callbacks = before.all()});
    REQUIRE(before.checkpoints.saved().size() == k);
    Run resumed;
    Watched after(prefix + "_resumed", 100);
    resumed.ppo.load(before.checkpoints.saved().back());
    REQUIRE(resumed.ppo.best->score == before.main.best()->score);
    REQUIRE(resumed.ppo.last_update().loss == begun.ppo.last_update().loss);
    resumed.ppo.learn(steps - k * 128, {.callbacks = after.all(), .reset_num_timesteps = false});
    REQUIRE(after.main.best()->score == first.main.best()->score);
    REQUIRE(after.hard.best()->score == first.hard.best()->score);
    REQUIRE(after.hard.best()->num_timesteps == first.hard.best()->num_timesteps);
    REQUIRE(after.checkpoints.saved().size() == made - k);
    for (std::size_t i = k; i < made; ++i) {
      REQUIRE(rlx::io::read_file(after.checkpoints.saved()[i - k]) == rlx::io::read_file(first.checkpoints.saved()[i]));
    }
    for (const auto* const callback : {&before.checkpoints, &after.checkpoints})
      for (const std::string& path : callback->saved()) remove_checkpoint(path);
  }
  for (const std::string& path : first.checkpoints.saved()) remove_checkpoint(path);
}

TEST_CASE("Two evaluations of a run keep their bests apart and need two names", "[rl][callbacks]") {
  Run run;
  double main_score = 1.0, other_score = 10.0;
  rlx::EvalCallback main(
      make_env, {.eval_freq = 128, .n_eval_episodes = 1, .score = [&](const rlx::Evaluation&) { return main_score++; }});
  rlx::EvalCallback other(make_env, {.eval_freq = 128,
                                     .n_eval_episodes = 1,
                                     .score = [&](const rlx::Evaluation&) { return other_score--; },
                                     .callback_on_new_best = rlx::StopTrainingOnRewardThreshold(11.0),
                                     .name = "other"});
  REQUIRE_FALSE(run.ppo.learn(3 * 128, {.callbacks = {&main, &other}}).stopped);
  REQUIRE(run.ppo.best->score == 3.0);
  REQUIRE(main.best()->num_timesteps == 3 * 128);
  REQUIRE(other.best()->score == 10.0);
  REQUIRE(other.best()->num_timesteps == 128);
  rlx::EvalCallback same(make_env, {.eval_freq = 128});
  REQUIRE_THROWS_WITH(run.ppo.learn(128, {.callbacks = {&main, &same}}), ContainsSubstring("'eval'"));
  REQUIRE_THROWS_AS(rlx::EvalCallback(make_env, {.name = ""}), rlx::ConfigError);
  run.ppo.notes["evaluations of eval"] = "{";
  REQUIRE_THROWS_AS(run.ppo.learn(128, {.callbacks = {&main}}), rlx::CheckpointError);
}

TEST_CASE("A second training from 0 keeps the checkpoints that it writes over those of the first", "[rl][callbacks]") {
  Run run;
  const std::string prefix = "rlx_test_again_" + std::to_string(::getpid());
  rlx::CheckpointCallback callback({.save_freq = 128, .path = "/tmp", .prefix = prefix, .keep_last = 2});
  run.ppo.learn(2 * 128, {.callbacks = {&callback}});
  run.ppo.learn(2 * 128, {.callbacks = {&callback}});
  REQUIRE(callback.saved() ==
          std::vector<std::string>{"/tmp/" + prefix + "_128.safetensors", "/tmp/" + prefix + "_256.safetensors"});
  for (const std::string& path : callback.saved()) {
    REQUIRE(exists(path));
    remove_checkpoint(path);
  }
}

TEST_CASE("A resumed run removes the checkpoints of the process before it in their turn", "[rl][callbacks][resume]") {
  const std::string prefix = "rlx_test_prune_" + std::to_string(::getpid());
  const rlx::CheckpointCallbackConfig config{.save_freq = 128, .path = "/tmp", .prefix = prefix, .keep_last = 2};
  const auto path = [&](int at) { return "/tmp/" + prefix + '_' + std::to_string(at) + ".safetensors"; };
  {
    Run begun;
    rlx::CheckpointCallback callback(config);
    begun.ppo.learn(3 * 128, {.callbacks = {&callback}});
    REQUIRE(callback.saved() == std::vector<std::string>{path(256), path(384)});
  }
  Run resumed;
  resumed.ppo.load(path(384));
  rlx::CheckpointCallback callback(config);
  resumed.ppo.learn(128, {.callbacks = {&callback}, .reset_num_timesteps = false});
  REQUIRE(callback.saved() == std::vector<std::string>{path(384), path(512)});
  REQUIRE_FALSE(exists(path(256)));
  REQUIRE_FALSE(exists("/tmp/" + prefix + "_256.json"));
  REQUIRE(exists(path(384)));
  resumed.ppo.learn(2 * 128, {.callbacks = {&callback}, .reset_num_timesteps = false});
  REQUIRE_FALSE(exists(path(384)));
  // A run that begins anew from these parameters leaves the files of the one before alone.
  Run again;
  again.ppo.load(path(768));
  rlx::CheckpointCallback from_zero(config);
  again.ppo.learn(3 * 128, {.callbacks = {&from_zero}});
  REQUIRE(from_zero.saved() == std::vector<std::string>{path(256), path(384)});
  for (const int at : {256, 384, 640, 768}) {
    REQUIRE(exists(path(at)));
    remove_checkpoint(path(at));
  }
  again.ppo.notes["checkpoints " + prefix + '_'] = "{";
  rlx::CheckpointCallback damaged(config);
  REQUIRE_THROWS_AS(again.ppo.learn(128, {.callbacks = {&damaged}}), rlx::CheckpointError);
}

TEST_CASE("Episodes are told apart by their source", "[rl][callbacks]") {
  FakeLearner learner;
  rlx::Logger logger;
  learner.log = &logger;
  rlx::SourceStatistics sources({"btc"});
  const auto episode = [&](std::size_t source, double reward, std::uint64_t length) {
    rlx::EpisodeRecord record;
    record.statistics.source = source;
    record.statistics.episode_return = reward;
    record.statistics.length = length;
    REQUIRE(sources.on_episode(learner, record));
  };
  episode(0, 1.0, 10);
  episode(0, 5.0, 20);
  episode(2, -3.0, 7);
  REQUIRE(logger.value("sources/btc/ep_rew_mean") == 3.0);
  REQUIRE(logger.value("sources/btc/ep_len_mean") == 15.0);
  REQUIRE(logger.value("sources/btc/success_rate") == 1.0);
  REQUIRE(logger.value("sources/2/ep_rew_mean") == -3.0);
  logger.dump(1, 0.0);
  episode(0, -9.0, 30);
  REQUIRE(logger.value("sources/btc/ep_rew_mean") == -9.0);  // of the episodes since the dump
  const std::vector<rlx::SourceSummary> all = sources.summaries();
  REQUIRE(all.size() == 2);
  REQUIRE(all[0].source == 0);
  REQUIRE(all[0].episodes == 3);
  REQUIRE_THAT(all[0].mean_reward, WithinAbs(-1.0, 1e-12));
  REQUIRE_THAT(all[0].std_reward, WithinRel(std::sqrt((4.0 + 36.0 + 64.0) / 3.0), 1e-12));
  REQUIRE(all[0].min_reward == -9.0);
  REQUIRE(all[0].max_reward == 5.0);
  REQUIRE_THAT(all[0].mean_length, WithinAbs(20.0, 1e-12));
  REQUIRE_THAT(all[0].success_rate, WithinRel(2.0 / 3.0, 1e-12));
  REQUIRE(all[1].source == 2);
  REQUIRE(all[1].std_reward == 0.0);
}
