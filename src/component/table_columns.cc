#include "component/table_columns.h"

#include <fmt/format.h>

#include "arrow/api.h"

namespace trommel {
namespace {

int find_column(const arrow::Schema& schema, std::string_view name) {
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (name_key(schema.field(i)->name()) == name_key(name)) return i;
  }
  return -1;
}

}  // namespace

std::vector<TableColumn> wanted_columns(const arrow::Schema& input, const std::optional<Contract>& contract,
                                        const Place& place, Problems& problems) {
  std::vector<TableColumn> out;
  if (!contract) {
    for (int i = 0; i < input.num_fields(); ++i)
      out.push_back({input.field(i)->name(), input.field(i)->type(), true, i});
    return out;
  }
  std::vector<bool> used(static_cast<size_t>(input.num_fields()));
  for (const auto& column : contract->columns) {
    const auto& at = column.place.line > 0 ? column.place : place;
    TableColumn wanted{column.name, column.type.value_or(nullptr), !column.rules.required,
                       find_column(input, column.name)};
    if (wanted.input < 0) {
      if (contract->missing == MissingColumns::fail || column.rules.required) {
        problems.add(at, fmt::format("column `{}` of the contract is not in the rows", column.name));
        continue;
      }
      if (!wanted.type) wanted.type = text_type();
    } else {
      used[static_cast<size_t>(wanted.input)] = true;
      const auto& type = input.field(wanted.input)->type();
      if (!wanted.type) wanted.type = type;
      if (!can_cast(*type, *wanted.type)) {
        problems.add(
            at, fmt::format("column `{}`: the contract has {}, the rows have {}, and there is no cast between them",
                            column.name, type_name(*wanted.type), type_name(*type)));
      }
    }
    out.push_back(std::move(wanted));
  }
  for (int i = 0; i < input.num_fields(); ++i) {
    if (used[static_cast<size_t>(i)]) continue;
    const auto& field = *input.field(i);
    if (contract->extra == ExtraColumns::keep) out.push_back({field.name(), field.type(), true, i});
    if (contract->extra == ExtraColumns::fail) {
      problems.add(place, fmt::format("column `{}` of the rows is not in the contract", field.name()),
                   "`extra: keep` or `extra: drop` in the contract allows it");
    }
  }
  return out;
}

}  // namespace trommel
