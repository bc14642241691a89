// Values and what to write for them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "component/component.h"
#include "transforms/clean/settings.h"

namespace trommel {

/// Read from the settings or from a table, once, and then shared by all lanes. Held in memory.
class ValueMap {
 public:
  ValueMap(const MapRule& rule, std::optional<ReferenceTable> table);
  Result<> load();  ///< thread safe; before the first `apply`

  struct Outcome {
    ArrayPtr column;
    std::vector<int64_t> refused;  ///< rising
  };
  Result<Outcome> apply(const ArrayPtr& texts) const;

 private:
  Result<> read();
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  const std::optional<ReferenceTable> table_;
  const std::string from_, to_;
  const Unmapped otherwise_;
  std::once_flag once_;
  Result<> loaded_;
  std::unordered_map<std::string, std::optional<std::string>, Hash, std::equal_to<>> values_;
};

}  // namespace trommel
