// What the tests of the JSON reader share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "codecs/csv/testing.h"
#include "codecs/json/json.h"

namespace trommel {

/// Columns by name and type, with no rules.
inline Contract contract_of(const std::vector<std::pair<std::string, std::string>>& columns) {
  Contract contract;
  for (const auto& [name, type] : columns) {
    ContractColumn column;
    column.name = name;
    column.type = parse_type(type)->type;
    contract.columns.push_back(std::move(column));
  }
  return contract;
}

namespace json {

inline csv::ReadOptions reading(int64_t block_bytes = 1 << 20, size_t step = 1 << 30) {
  csv::ReadOptions options;
  options.format = json_format;
  options.block_bytes = block_bytes;
  options.step = step;
  return options;
}

}  // namespace json
}  // namespace trommel
