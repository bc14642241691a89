// Answers in ClickHouse's Native format (see native.h) as rows of Arrow.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/clickhouse/types.h"

namespace trommel::clickhouse {

/// A column of an answer: its type on the wire, and as rows have it.
struct AnswerColumn {
  std::string name;
  ColumnType type;
  Type arrow;
};

/// By names and types as the server spells them. Text that is not UTF-8 has U+FFFD in place of what is not. A time
/// without a zone is a wall clock where the session's zone is UTC (from ClickHouse 23.7 on), else a moment. The error
/// names a column whose type rows cannot have.
Result<std::vector<AnswerColumn>> answer_columns(const std::vector<std::pair<std::string, std::string>>& columns,
                                                 const Engine& engine);
Schema schema_of(const std::vector<AnswerColumn>& columns);

struct NativeAnswer {
  std::vector<AnswerColumn> columns;  ///< none where there is no row: then there is no block
  std::vector<Rows> rows;
};
Result<NativeAnswer> read_native(std::string_view bytes, const Engine& engine);

}  // namespace trommel::clickhouse
