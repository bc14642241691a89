#include "transforms/check/outliers.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace trommel {
namespace {

// Doubles as numbers without a sign that sort alike.
uint64_t sortable(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  return (bits >> 63) != 0 ? ~bits : bits | uint64_t{1} << 63;
}
double from_sortable(uint64_t bits) {
  return std::bit_cast<double>((bits >> 63) != 0 ? bits & ~(uint64_t{1} << 63) : ~bits);
}

using Each = std::function<void(std::span<const double>)>;

Result<> each_piece(const SpillBytes& values, const Each& each) {
  std::vector<double> piece(1 << 15);
  const int64_t count = values.size() / static_cast<int64_t>(sizeof(double));
  for (int64_t at = 0; at < count; at += static_cast<int64_t>(piece.size())) {
    const auto some = std::min<size_t>(piece.size(), static_cast<size_t>(count - at));
    TRY(values.read(at * static_cast<int64_t>(sizeof(double)),
                    {reinterpret_cast<uint8_t*>(piece.data()), some * sizeof(double)}));
    each({piece.data(), some});
  }
  return {};
}

/// The value of a rank (from 0), sixteen bits a pass. With a `center` it is that of the distances from it.
Result<double> of_rank(const SpillBytes& values, int64_t rank, const double* center) {
  uint64_t prefix = 0;
  for (int shift = 48; shift >= 0; shift -= 16) {
    std::vector<int64_t> counts(1 << 16);
    const uint64_t above = shift == 48 ? 0 : ~uint64_t{0} << (shift + 16);
    TRY(each_piece(values, [&](std::span<const double> piece) {
      for (const double value : piece) {
        const uint64_t bits = sortable(center == nullptr ? value : std::fabs(value - *center));
        if ((bits & above) == prefix) ++counts[bits >> shift & 0xffff];
      }
    }));
    size_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    prefix |= static_cast<uint64_t>(digit) << shift;
  }
  return from_sortable(prefix);
}

}  // namespace

OutlierColumn::OutlierColumn(OutlierMethod method, double factor, Env& env, std::string folder, int64_t memory)
    : method_(method), factor_(factor), values_(env, std::move(folder), memory) {}

bool OutlierColumn::takes(const arrow::DataType& type) {
  return (arrow::is_numeric(type.id()) && type.id() != arrow::Type::HALF_FLOAT) || type.id() == arrow::Type::DECIMAL128;
}

double OutlierColumn::usual_factor(OutlierMethod method) {
  return method == OutlierMethod::iqr ? 1.5 : method == OutlierMethod::zscore ? 3.0 : 3.5;
}

double OutlierColumn::value(const arrow::Array& column, int64_t row) {
  using Id = arrow::Type;
  const auto of = [&]<class Type>(const Type*) {
    return static_cast<double>(static_cast<const typename arrow::TypeTraits<Type>::ArrayType&>(column).Value(row));
  };
  switch (column.type_id()) {
    case Id::INT8:
      return of(static_cast<arrow::Int8Type*>(nullptr));
    case Id::INT16:
      return of(static_cast<arrow::Int16Type*>(nullptr));
    case Id::INT32:
      return of(static_cast<arrow::Int32Type*>(nullptr));
    case Id::INT64:
      return of(static_cast<arrow::Int64Type*>(nullptr));
    case Id::UINT8:
      return of(static_cast<arrow::UInt8Type*>(nullptr));
    case Id::UINT16:
      return of(static_cast<arrow::UInt16Type*>(nullptr));
    case Id::UINT32:
      return of(static_cast<arrow::UInt32Type*>(nullptr));
    case Id::UINT64:
      return of(static_cast<arrow::UInt64Type*>(nullptr));
    case Id::FLOAT:
      return of(static_cast<arrow::FloatType*>(nullptr));
    case Id::DOUBLE:
      return of(static_cast<arrow::DoubleType*>(nullptr));
    case Id::DECIMAL128: {
      const auto& type = static_cast<const arrow::Decimal128Type&>(*column.type());
      const auto& decimals = static_cast<const arrow::Decimal128Array&>(column);
      return arrow::Decimal128(decimals.GetValue(row)).ToDouble(type.scale());
    }
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

Result<> OutlierColumn::add(const arrow::Array& column) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(column.length()));
  for (int64_t row = 0; row < column.length(); ++row) {
    if (column.IsNull(row)) continue;
    const double number = value(column, row);
    if (!std::isfinite(number)) continue;
    values.push_back(number);
    ++count_;
    const double off = number - mean_;
    mean_ += off / static_cast<double>(count_);
    squares_ += off * (number - mean_);
  }
  if (method_ == OutlierMethod::zscore) return {};
  return values_.append({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(double)});
}

Result<double> OutlierColumn::quantile(double share, const double* center) const {
  const double at = share * static_cast<double>(count_ - 1);
  const auto below = static_cast<int64_t>(at);
  ASSIGN(const double low, of_rank(values_, below, center));
  if (static_cast<double>(below) == at) return low;
  ASSIGN(const double high, of_rank(values_, below + 1, center));
  return low + (high - low) * (at - static_cast<double>(below));
}

Result<OutlierLimits> OutlierColumn::limits() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  TRY(values_.finish());
  double low = 0, high = 0, spread = 0;  // the limits lie `factor` spreads beyond these
  if (count_ < 2) return OutlierLimits{-infinity, infinity};
  if (method_ == OutlierMethod::zscore) {
    low = high = mean_;
    spread = std::sqrt(squares_ / static_cast<double>(count_ - 1));
  } else if (method_ == OutlierMethod::iqr) {
    ASSIGN(low, quantile(0.25, nullptr));
    ASSIGN(high, quantile(0.75, nullptr));
    spread = high - low;
  } else {
    ASSIGN(low, quantile(0.5, nullptr));
    high = low;
    ASSIGN(const double deviation, quantile(0.5, &low));
    spread = deviation * 1.4826;
  }
  if (spread == 0) return OutlierLimits{-infinity, infinity};
  return OutlierLimits{low - factor_ * spread, high + factor_ * spread};
}

}  // namespace trommel
