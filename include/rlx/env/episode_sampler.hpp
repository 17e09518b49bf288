// SPDX-License-Identifier: MIT
/// @file
/// @brief Which source the next episode of an environment comes from.
#ifndef RLX_ENV_EPISODE_SAMPLER_HPP
#define RLX_ENV_EPISODE_SAMPLER_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <rlx/core/detail/type_tag.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/episode_statistics.hpp>

namespace rlx::inline v0_1 {

/// The episode that is about to start.
struct EpisodeKey {
  std::uint64_t seed = 0;       ///< seed of the run
  std::size_t env = 0;          ///< number of the environment
  std::uint64_t episode = 0;    ///< number of the episode inside that environment, from 0
  std::size_t num_envs = 1;     ///< environments of the run
  std::size_t num_sources = 1;  ///< sources of that environment; the answer lies below
};

/// Chooses the source of each episode (a tape, a market session).
///
/// `source` is a pure function of the sampler's state and the key; it is called from any thread and does not allocate.
/// `update` is called between rollouts only, with the episodes that finished since, in (environment, episode) order: so the
/// choice depends neither on threads nor on timing. `save_state` and `load_state` carry everything that `update` changes; a
/// sampler that learns nothing writes nothing.
///
/// A model in 6 lines:
/// @code
/// struct Cycle {
///   std::size_t source(const rlx::EpisodeKey& key) const { return (key.episode * key.num_envs + key.env) % key.num_sources; }
///   void update(std::span<const rlx::EpisodeStatistics>) {}
///   void save_state(rlx::StateWriter&) const {}
///   void load_state(rlx::StateReader&) {}
/// };
/// @endcode
template <class P>
concept EpisodeSampler = requires(P& sampler, const P& constant, const EpisodeKey& key,
                                  std::span<const EpisodeStatistics> finished, StateWriter& writer, StateReader& reader) {
  { constant.source(key) } -> std::same_as<std::size_t>;
  sampler.update(finished);
  constant.save_state(writer);
  sampler.load_state(reader);
};

/// Every source in turn: environment e starts at source e, and each of its episodes moves on by the number of environments.
/// The default of `VectorEnv`.
class CyclingSampler {
 public:
  /// (episode * num_envs + env) mod num_sources.
  std::size_t source(const EpisodeKey& key) const noexcept {
    return static_cast<std::size_t>((key.episode * key.num_envs + key.env) % key.num_sources);
  }
  void update(std::span<const EpisodeStatistics>) noexcept {}  ///< Learns nothing.
  void save_state(StateWriter&) const noexcept {}              ///< Writes nothing.
  void load_state(StateReader&) noexcept {}                    ///< Reads nothing.
};

/// Holds any `EpisodeSampler`; one virtual call per episode. Copies have their own state.
/// Called AnyEpisodeSampler. @tparam Default  what a new one holds; a parameter so that a program compiles only what it uses
template <class Default>
class BasicAnyEpisodeSampler {
 public:
  BasicAnyEpisodeSampler() : BasicAnyEpisodeSampler(Default{}) {}

  /// Takes the sampler over.
  template <EpisodeSampler P>
  requires(!std::same_as<P, BasicAnyEpisodeSampler> && std::copy_constructible<P>) BasicAnyEpisodeSampler(P sampler)
      : held_(std::make_unique<Held<P>>(std::move(sampler))) {}

  /// Copies the sampler with its state.
  BasicAnyEpisodeSampler(const BasicAnyEpisodeSampler& other) : held_(other.held_->clone()) {}
  /// Copies the sampler with its state.
  BasicAnyEpisodeSampler& operator=(const BasicAnyEpisodeSampler& other) {
    if (this != &other) held_ = other.held_->clone();
    return *this;
  }
  BasicAnyEpisodeSampler(BasicAnyEpisodeSampler&&) noexcept = default;  ///< The other may only be destroyed or assigned.
  BasicAnyEpisodeSampler& operator=(BasicAnyEpisodeSampler&&) noexcept =
      default;  ///< The other may only be destroyed or assigned.
  ~BasicAnyEpisodeSampler() = default;

  std::size_t source(const EpisodeKey& key) const { return held_->source(key); }         ///< As `EpisodeSampler` asks.
  void update(std::span<const EpisodeStatistics> finished) { held_->update(finished); }  ///< As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const { held_->save_state(writer); }              ///< As `EpisodeSampler` asks.
  void load_state(StateReader& reader) { held_->load_state(reader); }                    ///< As `EpisodeSampler` asks.

  /// The sampler that is held, to read what it shows beside the concept (its log of events); null if it is of another type.
  template <EpisodeSampler P>
  const P* target() const noexcept {
    return held_->type() == &detail::type_tag<P> ? &static_cast<const Held<P>*>(held_.get())->sampler : nullptr;
  }
  /// The same, to change it.
  template <EpisodeSampler P>
  P* target() noexcept {
    return held_->type() == &detail::type_tag<P> ? &static_cast<Held<P>*>(held_.get())->sampler : nullptr;
  }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = default;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    virtual std::size_t source(const EpisodeKey& key) const = 0;
    virtual void update(std::span<const EpisodeStatistics> finished) = 0;
    virtual void save_state(StateWriter& writer) const = 0;
    virtual void load_state(StateReader& reader) = 0;
    virtual std::unique_ptr<Interface> clone() const = 0;
    virtual const void* type() const noexcept = 0;
  };

  template <class P>
  struct Held final : Interface {
    explicit Held(P value) : sampler(std::move(value)) {}
    std::size_t source(const EpisodeKey& key) const override { return sampler.source(key); }
    void update(std::span<const EpisodeStatistics> finished) override { sampler.update(finished); }
    void save_state(StateWriter& writer) const override { sampler.save_state(writer); }
    void load_state(StateReader& reader) override { sampler.load_state(reader); }
    std::unique_ptr<Interface> clone() const override { return std::make_unique<Held>(*this); }
    const void* type() const noexcept override { return &detail::type_tag<P>; }
    P sampler;
  };

  std::unique_ptr<Interface> held_;
};

/// As environments hold one. @see BasicAnyEpisodeSampler
using AnyEpisodeSampler = BasicAnyEpisodeSampler<CyclingSampler>;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_EPISODE_SAMPLER_HPP
