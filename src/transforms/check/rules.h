// The rules of one column, made ready once and asked for whole batches.
#pragma once

#include <memory>
#include <string>

#include "batch/batch.h"
#include "batch/types.h"
#include "config/contract.h"
#include "transforms/check/faults.h"

namespace re2 {
class RE2;
}

namespace trommel {

class ColumnRules {
 public:
  /// `type` is that of the column once it was cast; mistakes (a bound that is no value of the type, a bad pattern, a
  /// length of a number) go to `problems` at `place`. The SQL of the rules is not looked at here.
  ColumnRules(std::string name, const Type& type, const Rules& rules, const Place& place, Problems& problems);
  ~ColumnRules();
  ColumnRules(ColumnRules&&) noexcept;

  const std::string& name() const { return name_; }
  bool required() const { return rules_.required; }
  /// Adds a fault for every row that breaks a rule; a few passes over the column when there is none. NULLs in rows
  /// named by `skip` (rising) are not asked for `required`.
  Result<> test(const std::shared_ptr<arrow::Array>& column, const std::vector<int64_t>& skip, Faults& faults) const;

 private:
  using ArrayPtr = std::shared_ptr<arrow::Array>;
  ArrayPtr read(const std::vector<std::string>& texts, const char* rule);
  Result<> compare(const ArrayPtr& column, const char* function, const ArrayPtr& bound, const char* code,
                   Faults& faults) const;
  void lengths(const arrow::Array& column, Faults& faults) const;
  void patterns(const arrow::Array& column, Faults& faults) const;
  Result<> allowed(const ArrayPtr& column, Faults& faults) const;
  void add(const arrow::Array& column, int64_t row, const char* code, std::string reason, Faults& faults) const;

  std::string name_;
  Type type_;
  Rules rules_;
  Place place_;
  Problems* problems_ = nullptr;  // while it is being made
  ArrayPtr min_, max_, allowed_;
  std::unique_ptr<re2::RE2> pattern_;
};

}  // namespace trommel
