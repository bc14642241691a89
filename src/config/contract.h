// Contract: the columns that rows must have. Read from YAML: the long form, the short form `column: VARCHAR(10)`, and
// the list form `table: [ {name: school, type: VARCHAR(10)}, ... ]`; or from an Avro schema, an .avsc file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/types.h"
#include "spec/node.h"
#include "spec/spec.h"

namespace trommel::avro {
struct SchemaNode;
}

namespace trommel {

/// `${VAR}` values; tests bring their own. Returns nullopt when unset.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;
Variables process_environment();

/// Rules of one column; a row that breaks one is a reject with rule, column and value. Run by `check`.
struct Rules {
  bool required = false;                          ///< no NULL
  std::optional<std::string> min, max;            ///< as text of the column's type, both ends allowed
  std::optional<int64_t> min_length, max_length;  ///< in characters
  std::optional<std::string> pattern;             ///< RE2, must match the whole value
  std::vector<std::string> allowed;               ///< empty: anything
  std::optional<std::string> sql;                 ///< an expression over the row's columns that must not be false
};

struct ContractColumn {
  std::string name;
  std::optional<Type> type;  ///< left open: whatever comes
  std::string type_text;     ///< as written
  Rules rules;
  std::vector<std::string> nulls;  ///< texts that mean NULL in this column, beside the contract's own
  std::string format;  ///< how dates and times are written, strptime-like; empty: ISO 8601 and what is guessed
  std::string doc;
  Place place;
};

enum class ExtraColumns { keep, drop, fail };
enum class MissingColumns { fail, null };
enum class ReorderedColumns { allow, fail };

struct Contract {
  std::string name;  ///< of the table, where the file says one
  std::vector<ContractColumn> columns;
  std::vector<std::string>
      nulls;  ///< texts that mean NULL in every column; default: the empty text in columns that are not text
  ExtraColumns extra = ExtraColumns::fail;
  MissingColumns missing = MissingColumns::fail;
  ReorderedColumns reordered = ReorderedColumns::allow;
  Place place;
  std::shared_ptr<const avro::SchemaNode> avro;  ///< of an .avsc file, the record that it is

  const ContractColumn* find(std::string_view column) const;  ///< names match ignoring case and punctuation
};

/// `name` in lower case without anything but letters and digits (UTF-8 letters stay): what names are compared by.
std::string name_key(std::string_view name);

/// What a contract and its columns may say, for the reference and the JSON Schema.
const SpecInfo& contract_spec();

/// Reads a contract from a parsed YAML node; mistakes go to `problems`.
Contract parse_contract(const Node& node, Problems& problems);
/// Reads what stands under a `contract:` key: a contract, or the name of its file, which starts at `folder`. Nothing
/// when it cannot be had, which `problems` tells. `file`, if not null, gets the path that was read.
std::optional<Contract> load_contract(Env& env, const std::string& folder, const Node& node, const Variables& variables,
                                      Problems& problems, std::string* file = nullptr);
/// The columns as an Arrow schema; columns with no type are text.
Schema contract_schema(const Contract& contract);
/// The contract as a commented YAML text that `parse_contract` reads back.
std::string contract_text(const Contract& contract);

}  // namespace trommel
