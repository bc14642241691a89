// The rules that the rows of one batch broke.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "component/outlet.h"

namespace trommel {

class Faults {
 public:
  /// The first of a row says what the reject is; of the others the reason is kept, of two at most.
  void add(int64_t row, const std::string& code, const std::string& column, std::string value, std::string reason);

  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  /// By row, rising.
  std::vector<Refusal> refusals() const;

 private:
  struct Fault {
    Refusal refusal;
    int more = 0;
  };
  std::map<int64_t, Fault> rows_;
};

}  // namespace trommel
