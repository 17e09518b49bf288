// SPDX-License-Identifier: MIT
/// @file
/// @brief What the two wrappers with running statistics share.
#ifndef RLX_ENV_DETAIL_STATISTICS_WRAPPER_HPP
#define RLX_ENV_DETAIL_STATISTICS_WRAPPER_HPP

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/vector_wrapper.hpp>

namespace rlx::inline v0_1::detail {

/// Running statistics beside a vector environment, and their state.
template <class V>
class StatisticsWrapper : public VectorWrapper<V> {
 public:
  /// Mean, variance and count of each column.
  const RunningMeanStd& statistics() const noexcept { return statistics_; }
  /// Replaces the figures, for example by those of the training environments. @throws ShapeError  another number of columns.
  void set_statistics(const RunningMeanStd& statistics) {
    statistics_.set(statistics.mean(), statistics.variance(), statistics.count());
  }
  /// From now on the statistics stay as they are.
  void freeze() noexcept { statistics_.freeze(); }
  void unfreeze() noexcept { statistics_.unfreeze(); }
  bool frozen() const noexcept { return statistics_.frozen(); }

 protected:
  /// A number of the configuration on which a saved state depends.
  struct Setting {
    const char* name;
    double value;
  };
  using Settings = std::initializer_list<Setting>;

  StatisticsWrapper(V& inner, std::size_t columns) : VectorWrapper<V>(inner), statistics_(columns) {}

  template <class T>
  void save(StateWriter& writer, Settings settings, const std::vector<T>& rows) const {
    for (const Setting& setting : settings) writer.write(setting.value);
    statistics_.save_state(writer);
    writer.write(rows);
    this->inner_->save_state(writer);
  }
  /// Statistics that are frozen, here or in the file, are frozen afterwards.
  template <class T>
  void load(StateReader& reader, Settings settings, std::vector<T>& rows) {
    for (const Setting& setting : settings) {
      const auto saved = reader.read<double>();
      if (saved == setting.value) continue;
      throw CheckpointError(std::string("state of a normaliser: ") + setting.name + " is " + std::to_string(saved) +
                            " in the file and " + std::to_string(setting.value) + " here");
    }
    RunningMeanStd statistics(statistics_.columns());
    std::vector<T> loaded(rows.size());
    statistics.load_state(reader);
    reader.read_into(loaded);
    this->inner_->load_state(reader);
    if (frozen()) statistics.freeze();
    statistics_ = std::move(statistics);
    rows = std::move(loaded);
  }

  RunningMeanStd statistics_;
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_STATISTICS_WRAPPER_HPP
