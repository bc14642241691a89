// A `clean`, bound: what is done to which column.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/component.h"
#include "transforms/clean/formats.h"
#include "transforms/clean/settings.h"
#include "transforms/clean/value_map.h"
#include "transforms/dedupe/first_rows.h"

namespace trommel {

struct Cleaned {
  int from = -1;                     ///< index in the input; -1: made by `split` or `merge`
  std::string original, tidy, name;  ///< as it came, after `names`, after `rename`
  const char* gone = nullptr;        ///< the setting that left it out
  Type type;                         ///< on its way through the steps
  bool nullable = true;
  // What happens to values as they came,
  std::optional<TextForm> normalize;
  bool trim = false, collapse_spaces = false;
  std::vector<std::string> null_texts;
  ArrayPtr null_values;
  std::optional<TextCase> text;
  std::shared_ptr<ValueMap> map;
  // and behind `split` and `merge`:
  std::optional<ColumnFormat> parse;
  bool parse_to_null = false;
  Type cast;
  ArrayPtr fill;
};

/// Places are among all columns.
struct Splitting {
  size_t from = 0;
  std::vector<size_t> into;
  std::string by;
};
struct Merging {
  std::vector<size_t> of;
  size_t into = 0;
  std::string by;
};

struct Steps {
  std::vector<Cleaned> columns;  ///< all that are needed: of the input first, then those that are made
  std::vector<Splitting> splits;
  std::vector<Merging> merges;
  std::vector<size_t> out;  ///< the columns that leave, in order
  Schema schema;
  std::vector<size_t> must_not_be_null;  ///< places in `out`; empty: no row is left out
  bool only_if_all = false;              ///< a row goes when all of them are NULL, not when any is
  std::optional<FirstRows::Options> dedupe;
  std::vector<std::string> notes;
};

/// Reads the settings against the columns that come in. Mistakes go to `problems`.
std::shared_ptr<Steps> bind_steps(const CleanConfig& config, const Node& settings, const InputInfo& input,
                                  const BindContext& context, Problems& problems);

}  // namespace trommel
