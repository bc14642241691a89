#include "connectors/files/evolve.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include "base/json.h"
#include "spec/spec.h"

namespace trommel {

std::optional<EarlierColumns> read_earlier_columns(Env& env, const std::string& path) {
  const auto text = env.exists(path) ? env.read_text(path) : Result<std::string>("");
  const auto json = text ? parse_json(*text, path) : tl::unexpected(text.error());
  if (!json) return std::nullopt;
  try {
    EarlierColumns out;
    std::vector<ColumnInfo> columns;
    for (const Json& column : json->at("columns")) {
      const auto type = parse_type(column.at("type").get<std::string>());
      if (!type) return std::nullopt;
      columns.push_back({column.at("name").get<std::string>(), type->type, true});
    }
    out.columns = make_schema(columns);
    out.nulls = json->at("nulls").get<std::vector<std::string>>();
    return out;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Result<> write_earlier_columns(Env& env, const std::string& path, const EarlierColumns& columns) {
  Json json = {{"columns", Json::array()}, {"nulls", columns.nulls}};
  for (const auto& field : columns.columns->fields())
    json["columns"].push_back({{"name", field->name()}, {"type", type_name(*field->type())}});
  const std::string text = json_line(json) + "\n";
  if (const auto before = env.exists(path) ? env.read_text(path) : Result<std::string>(""); before && *before == text)
    return {};
  TRY(env.make_directories(folder_of(path)));
  return env.write_durably(path, text);
}

Contract contract_of(const EarlierColumns& earlier) {
  Contract contract;
  contract.extra = ExtraColumns::drop;
  contract.missing = MissingColumns::null;
  contract.nulls = earlier.nulls;
  for (const auto& field : earlier.columns->fields()) {
    ContractColumn column;
    column.name = field->name();
    column.type = field->type();
    column.type_text = type_name(*field->type());
    contract.columns.push_back(std::move(column));
  }
  return contract;
}

ColumnChanges column_changes(const arrow::Schema& earlier, const arrow::Schema& now, const arrow::Schema& unified) {
  ColumnChanges changes;
  const ColumnMap map = match_columns(earlier, now);
  for (const std::string& name : map.extra) changes.appeared.push_back(fmt::format("column `{}` is new", name));
  for (const std::string& name : map.missing) changes.gone.push_back(fmt::format("column `{}` is gone", name));
  for (int i = 0; i < earlier.num_fields(); ++i) {
    const auto& field = earlier.field(i);
    const auto wide = unified.GetFieldByName(field->name());
    if (!wide || same_type(*wide->type(), *field->type())) continue;
    changes.widened.push_back(fmt::format("column `{}` was {} and needs {}", field->name(), type_name(*field->type()),
                                          type_name(*wide->type())));
  }
  return changes;
}

Result<> allow_changes(Evolve evolve, const std::string& path, const ColumnChanges& changes) {
  std::vector<std::string> refused;
  if (evolve == Evolve::fail) {
    refused = changes.appeared;
    refused.insert(refused.end(), changes.gone.begin(), changes.gone.end());
  }
  if (evolve == Evolve::fail || evolve == Evolve::add)
    refused.insert(refused.end(), changes.widened.begin(), changes.widened.end());
  if (refused.empty()) return {};
  return data_error(path, "its columns are not those of earlier runs: " + joined(refused, "; "),
                    changes.widened.empty() ? "`evolve: add` takes them, `evolve: ignore` leaves new ones out"
                                            : "`evolve: widen` takes them, `evolve: ignore` rejects what does not fit");
}

std::vector<std::string> change_lines(const ColumnChanges& changes, bool ignored) {
  std::vector<std::string> out;
  for (const std::string& line : changes.appeared) out.push_back(line + (ignored ? ": left out" : ": added"));
  for (const std::string& line : changes.gone) out.push_back(line + ": NULL from now on");
  for (const std::string& line : changes.widened)
    out.push_back(line + (ignored ? ": values that do not fit are rejects" : ": widened"));
  return out;
}

}  // namespace trommel
