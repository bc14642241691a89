// `evolve:`. What becomes of columns that differ from those that earlier runs read.
//
// STATE/columns/SOURCE.json  the columns that were read, written once their rows are in every sink
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/columns.h"

namespace trommel {

enum class Evolve {
  fail,    ///< nothing is read
  add,     ///< new columns are added; a type that does not hold the values any more stops the run
  widen,   ///< and types become wider
  ignore,  ///< new columns are left out, values that do not fit are rejects
};

struct EarlierColumns {
  Schema columns;
  std::vector<std::string> nulls;  ///< texts that stood for NULL
};

/// Nothing where no run has read this source; a damaged file counts as none.
std::optional<EarlierColumns> read_earlier_columns(Env& env, const std::string& path);
Result<> write_earlier_columns(Env& env, const std::string& path, const EarlierColumns& columns);

/// For `ignore`: rows must have these columns, whatever files have.
Contract contract_of(const EarlierColumns& earlier);

/// How the columns of this run's files differ from the earlier ones; `unified` are both together.
struct ColumnChanges {
  std::vector<std::string> appeared, gone, widened;  ///< a sentence each
  bool none() const { return appeared.empty() && gone.empty() && widened.empty(); }
};
ColumnChanges column_changes(const arrow::Schema& earlier, const arrow::Schema& now, const arrow::Schema& unified);

/// An error where `evolve` does not allow them, naming all of them.
Result<> allow_changes(Evolve evolve, const std::string& path, const ColumnChanges& changes);

/// What becomes of them, a line each. `ignored`: rows keep their columns.
std::vector<std::string> change_lines(const ColumnChanges& changes, bool ignored);

}  // namespace trommel
