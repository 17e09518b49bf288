// SPDX-License-Identifier: MIT
/// @file
/// @brief The nearest point that keeps several constraints at once, and its derivative.
///
/// @par Source  Boyle & Dykstra 1986; the stopping rule on the corrections is Birgin & Raydan 2005: the point alone may rest
/// for many cycles before it moves on.
#ifndef RLX_RISK_CONSTRAINT_SET_HPP
#define RLX_RISK_CONSTRAINT_SET_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/risk/detail/number_text.hpp>
#include <rlx/risk/projection.hpp>

namespace rlx::inline v0_1::risk {

/// What ConstraintSet::project did.
struct ProjectionReport {
  std::size_t cycles = 0;   ///< rounds through all sets
  bool converged = false;   ///< the corrections rested; else the last point is feasible, perhaps not yet the nearest
  double violation = 0;     ///< greatest violation at the result
  std::string_view worst;   ///< name of that set, as long as the ConstraintSet lives; empty if nothing is violated
  double kkt_residual = 0;  ///< max over the sets of |P_i(x + p_i) - x|, with v - x = sum p_i: 0 proves the nearest point
};

/// A set and how far outside it a point is.
struct SetViolation {
  std::string name;      ///< as given to `ConstraintSet::add`
  double violation = 0;  ///< as Projection asks: 0 inside, +infinity for a point that is not finite
};

/**
 * @brief The intersection of named sets; itself a Projection.
 *
 * Move-only. `const` members may be called from several threads, if those of the sets may.
 */
class ConstraintSet {
 public:
  /// Cycles after which `project` gives up, and refuses what is not feasible.
  static constexpr std::size_t max_cycles = 10'000;
  /// A result that violates a set by more is refused.
  static constexpr double feasibility = 1e-9;

  /// Adds a set, which is moved in, under a name for the messages.
  /// @throws ConfigError  empty or repeated name; ShapeError  another size than the sets before
  template <Projection P>
  ConstraintSet& add(P set, std::string name) {
    if (name.empty()) throw ConfigError("ConstraintSet::add: the set needs a name for the messages");
    for (const auto& other : sets_) {
      if (other->name == name) throw ConfigError("ConstraintSet::add: the name '" + name + "' is taken");
    }
    if (!sets_.empty() && set.size() != size()) {
      throw ShapeError("ConstraintSet::add: '" + name + "' is of size " + std::to_string(set.size()) + ", expected " +
                       std::to_string(size()) + " as '" + sets_.front()->name + '\'');
    }
    sets_.push_back(std::make_unique<Model<P>>(std::move(set), std::move(name)));
    return *this;
  }

  /// Length of the vectors; 0 without a set.
  std::size_t size() const { return sets_.empty() ? 0 : sets_.front()->size(); }
  /// Sets added so far.
  std::size_t num_sets() const noexcept { return sets_.size(); }

  /**
   * @brief x becomes the point of the intersection that is nearest to v (Dykstra's algorithm).
   *
   * Ends when no projection of a whole cycle moves by more than 1e-12 (1 + |v|) and every violation is below 1e-9.
   * @param v, x  of length size(); x may be v
   * @throws ConfigError  no set, or "infeasible" with the two most violated sets; then x is unchanged, so that weights stay
   * what they were. NumericError for v
   * @par Complexity  O(cycles * sets * n log n); allocates its corrections
   */
  ProjectionReport project(std::span<const double> v, std::span<double> x) const {
    if (sets_.empty()) throw ConfigError("ConstraintSet::project: no set was added");
    detail::require_projectable(v, size(), x.size(), "ConstraintSet");
    const std::size_t n = v.size();
    double length = 0;
    for (const double element : v) length += element * element;
    const double rest = 1e-12 * (1 + std::sqrt(length));
    std::vector<double> point(v.begin(), v.end());
    std::vector<double> shifted(n), next(n);
    std::vector<double> corrections(sets_.size() * n, 0.0);
    ProjectionReport report;
    while (!report.converged && report.cycles < max_cycles) {
      ++report.cycles;
      double moved = 0;
      for (std::size_t s = 0; s < sets_.size(); ++s) {
        const std::span<double> correction(&corrections[s * n], n);
        for (std::size_t i = 0; i < n; ++i) shifted[i] = point[i] + correction[i];
        sets_[s]->project(shifted, next);
        for (std::size_t i = 0; i < n; ++i) {
          moved += (next[i] - point[i]) * (next[i] - point[i]);
          correction[i] = shifted[i] - next[i];
        }
        point.swap(next);
      }
      report.converged = std::sqrt(moved) <= rest && find_worst(point).second <= feasibility;
    }
    const auto [worst, violation] = find_worst(point);
    report.violation = violation;
    if (violation > 0) report.worst = sets_[worst]->name;
    if (violation > feasibility) throw ConfigError(infeasible(point));
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      for (std::size_t i = 0; i < n; ++i) shifted[i] = point[i] + corrections[s * n + i];
      sets_[s]->project(shifted, next);
      for (std::size_t i = 0; i < n; ++i) report.kkt_residual = std::max(report.kkt_residual, std::fabs(next[i] - point[i]));
    }
    std::ranges::copy(point, x.begin());
    return report;
  }

  /// The greatest violation; 0 without a set.
  double violation(std::span<const double> v) const { return sets_.empty() ? 0.0 : find_worst(v).second; }

  /// Every set with its violation at v, in the order they were added.
  std::vector<SetViolation> violations(std::span<const double> v) const {
    std::vector<SetViolation> result;
    for (const auto& set : sets_) result.push_back({set->name, set->violation(v)});
    return result;
  }

  /**
   * @brief out = J u with J = I - N⁺N, the derivative of the projection at its result; J is symmetric, so this is the
   *        vector-Jacobian and the Jacobian-vector product.
   *
   * The rows of N are the normals of the constraints within 1e-9 of being tight at x. Where a tight constraint has no force
   * (no strict complementarity) J is one element of the generalised Jacobian.
   * @param x         a result of `project`
   * @param upstream  u, of length size()
   * @param out       J u, of length size(); may be u
   * @throws ConfigError  naming a set without `active_normals`; ShapeError, NumericError
   */
  void vjp(std::span<const double> x, std::span<const double> upstream, std::span<double> out) const {
    if (sets_.empty()) throw ConfigError("ConstraintSet::vjp: no set was added");
    detail::require_projectable(x, size(), out.size(), "ConstraintSet::vjp");
    if (upstream.size() != size()) {
      throw ShapeError("ConstraintSet::vjp: expected an upstream gradient of " + std::to_string(size()) + " elements, found " +
                       std::to_string(upstream.size()));
    }
    ActiveNormals normals(size());
    for (const auto& set : sets_) set->active_normals(x, normals);
    normals.project_out(upstream, out);
  }

 private:
  static constexpr double tightness = 1e-9;

  struct Set {
    explicit Set(std::string n) : name(std::move(n)) {}
    virtual ~Set() = default;
    virtual std::size_t size() const = 0;
    virtual void project(std::span<const double> v, std::span<double> x) const = 0;
    virtual double violation(std::span<const double> v) const = 0;
    virtual void active_normals(std::span<const double> x, ActiveNormals& normals) const = 0;
    std::string name;
  };
  template <class P>
  struct Model final : Set {
    Model(P p, std::string n) : Set(std::move(n)), set(std::move(p)) {}
    std::size_t size() const override { return set.size(); }
    void project(std::span<const double> v, std::span<double> x) const override { set.project(v, x); }
    double violation(std::span<const double> v) const override { return set.violation(v); }
    void active_normals(std::span<const double> x, ActiveNormals& normals) const override {
      if constexpr (DifferentiableProjection<P>) {
        set.active_normals(x, tightness, normals);
      } else {
        throw ConfigError("ConstraintSet::vjp: the set '" + this->name +
                          "' has no member active_normals(x, tolerance, normals)");
      }
    }
    P set;
  };

  /// Index and violation of the most violated set.
  std::pair<std::size_t, double> find_worst(std::span<const double> v) const {
    std::pair<std::size_t, double> worst{0, 0.0};
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      if (const double violation = sets_[s]->violation(v); violation > worst.second) worst = {s, violation};
    }
    return worst;
  }

  std::string infeasible(std::span<const double> point) const {
    std::vector<SetViolation> all = violations(point);
    std::ranges::stable_sort(all, [](const auto& a, const auto& b) { return a.violation > b.violation; });
    std::string text = "infeasible: after " + std::to_string(max_cycles) + " cycles the nearest point found violates '" +
                       all[0].name + "' by " + detail::shown(all[0].violation);
    if (all.size() > 1) text += " and '" + all[1].name + "' by " + detail::shown(all[1].violation);
    return text + "; loosen one of them";
  }

  std::vector<std::unique_ptr<const Set>> sets_;
};
static_assert(DifferentiableProjection<CappedSimplex> && DifferentiableProjection<L1Ball> &&
              DifferentiableProjection<GroupGross> && DifferentiableProjection<Box> && DifferentiableProjection<Slab> &&
              Projection<ConstraintSet>);

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_CONSTRAINT_SET_HPP
