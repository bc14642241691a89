// Avro's types as Arrow's, and back. docs/guide/avro.md has the table.
#pragma once

#include <string>

#include "avro/schema.h"
#include "batch/types.h"

namespace trommel::avro {

/// A union without its null.
struct Choice {
  bool nullable = false;
  std::vector<SchemaPtr> branches;  ///< none: only null; one: that type; more: numbers as the widest, else a struct
};
/// What a type offers; what is no union is one branch.
Choice choice_of(const SchemaPtr& node);
/// Of a choice among `int` and `long`, or `float` and `double`: the one that holds both. Null for others.
SchemaPtr widest_number(const Choice& choice);
/// What the column or field of a branch is called where a union becomes a struct: `string`, `Address`.
std::vector<std::string> branch_names(const Choice& choice);

/// The error (`config`) names what has no type of ours: a decimal of more than 38 digits.
Result<Type> arrow_type(const SchemaPtr& node);
/// The columns of rows whose datum has this schema: the fields of a record; of all else one column, `value`.
Result<Schema> arrow_schema(const SchemaPtr& node);

/// A record that holds rows of `rows`. Names that Avro does not allow have their other characters replaced by `_`, and
/// a number behind where two become one. The error (`config`) names columns of types that Avro has nothing for.
Result<SchemaPtr> schema_of(const arrow::Schema& rows, const std::string& name);

}  // namespace trommel::avro
