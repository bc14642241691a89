// Values far from the others of their column. All of them are looked at before the first verdict.
#pragma once

#include <memory>
#include <string>

#include "spill/spill_file.h"
#include "transforms/check/settings.h"

namespace arrow {
class Array;
class DataType;
}  // namespace arrow

namespace trommel {

/// What is no outlier, both ends included. Where the values have no spread to measure by, everything.
struct OutlierLimits {
  double low = 0, high = 0;
  bool inside(double value) const { return value >= low && value <= high; }
};

/// One column's numbers, in a bounded amount of memory: 8 bytes each, on disk beyond it. NULL and NaN are left out of
/// the reckoning, and are no outliers; infinities are left out, and are. Quartiles and medians are exact, interpolated
/// between two values as in SQL's quantile_cont; the standard deviation is that of a sample (n - 1).
class OutlierColumn {
 public:
  OutlierColumn(OutlierMethod method, double factor, Env& env, std::string folder, int64_t memory);
  Result<> add(const arrow::Array& column);
  /// After the last value.
  Result<OutlierLimits> limits();

  static bool takes(const arrow::DataType& type);  ///< numbers
  static double value(const arrow::Array& column, int64_t row);
  static double usual_factor(OutlierMethod method);

 private:
  Result<double> quantile(double share, const double* center) const;

  OutlierMethod method_;
  double factor_;
  SpillBytes values_;
  int64_t count_ = 0;
  double mean_ = 0, squares_ = 0;  // Welford's
};

}  // namespace trommel
