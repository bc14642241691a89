#include "connectors/clickhouse/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "arrow/api.h"
#include "component/columns.h"

namespace trommel::clickhouse {
namespace {

constexpr const char* mark_index = "_trommel_epoch_at";
constexpr const char* window_setting = "non_replicated_deduplication_window";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 128;
}

/// Whether `name` stands in `expression` as a word of its own.
bool mentions(std::string_view expression, std::string_view name) {
  for (size_t at = expression.find(name); at != std::string_view::npos; at = expression.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !is_word(expression[at - 1])) && (end == expression.size() || !is_word(expression[end])))
      return true;
  }
  return false;
}

bool is_column(const WantedTable& wanted, const std::string& name) {
  return std::ranges::any_of(wanted.columns, [&](const TableColumn& column) { return column.name == name; });
}

/// Columns in backticks, expressions as they are.
std::string key_text(const WantedTable& wanted, const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts)
    out += (out.empty() ? "" : ", ") + (is_column(wanted, part) ? quote_name(part) : part);
  return parts.size() == 1 ? out : "(" + out + ")";
}

bool is_low(const WantedTable& wanted, const TableColumn& column) {
  return std::ranges::any_of(wanted.low_cardinality,
                             [&](const std::string& name) { return name_key(name) == name_key(column.name); });
}

Result<ColumnType> type_for(const WantedTable& wanted, const TableColumn& column, const Engine& engine) {
  auto type = column_type(*column.type, column.nullable && !column.key, is_low(wanted, column), engine);
  if (type) return type;
  Error error = std::move(type).error();
  error.what = fmt::format("column `{}`: {}", column.name, error.what);
  return tl::unexpected(std::move(error));
}

FilledColumn filled(const TableColumn& column, const ColumnType& type) {
  return {column.name, type, column.input, column.input_name, type.takes_null(), column.key};
}

bool is_list(const ColumnType& type) { return type.kind == ColumnType::Kind::array; }

std::string mark_definition() { return fmt::format("{} UInt64 MATERIALIZED 0", quote_name(mark_column)); }

/// Finds the rows of an epoch without reading all. Older engines read the column.
std::string index_definition() {
  return fmt::format("INDEX {} {} TYPE minmax GRANULARITY 1", mark_index, quote_name(mark_column));
}

std::string settings_text(const WantedTable& wanted, const Engine& engine) {
  std::vector<std::pair<std::string, std::string>> settings;
  if (engine.tokens) {
    settings.emplace_back(window_setting, std::to_string(deduplication_window));
    // An epoch that is there is forgotten here: it must outlast a power cut.
    settings.emplace_back("fsync_after_insert", "1");
    settings.emplace_back("fsync_part_directory", "1");
  }
  for (const auto& [name, value] : wanted.settings) {
    const auto known = std::ranges::find(settings, name, &std::pair<std::string, std::string>::first);
    if (known != settings.end()) {
      known->second = value;
    } else {
      settings.emplace_back(name, value);
    }
  }
  std::string out;
  for (const auto& [name, value] : settings) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, value);
  return out;
}

std::string create_table(const WantedTable& wanted, const std::vector<FilledColumn>& columns, const Engine& engine) {
  std::string list;
  for (const FilledColumn& column : columns) list += fmt::format("{} {}, ", quote_name(column.name), column.type.text);
  for (const auto& [name, expression] : wanted.materialized)
    list += fmt::format("{} MATERIALIZED {}, ", quote_name(name), expression);
  std::string out = fmt::format("CREATE TABLE IF NOT EXISTS {} ({}{}) ENGINE = {}", quote_name(wanted.table), list,
                                mark_definition() + (engine.tokens ? ", " + index_definition() : ""), wanted.engine);
  if (!wanted.partition_by.empty()) out += " PARTITION BY " + key_text(wanted, wanted.partition_by);
  out += " ORDER BY " + (wanted.order_by.empty() ? "tuple()" : key_text(wanted, wanted.order_by));
  if (!wanted.ttl.empty()) out += " TTL " + wanted.ttl;
  const std::string settings = settings_text(wanted, engine);
  return settings.empty() ? out : out + " SETTINGS " + settings;
}

bool is_replacing(std::string_view engine) { return engine.find("Replacing") != std::string_view::npos; }

Fit fit_new(const WantedTable& wanted, const Engine& engine) {
  Fit fit;
  for (const TableColumn& column : wanted.columns) {
    const auto type = type_for(wanted, column, engine);
    if (!type) {
      fit.differences.push_back(type.error().what);
    } else {
      fit.columns.push_back(filled(column, *type));
    }
  }
  if (!fit.differences.empty()) return fit;
  fit.replacing = is_replacing(wanted.engine);
  fit.counts_hold = !fit.replacing && wanted.ttl.empty();
  fit.ddl.push_back(create_table(wanted, fit.columns, engine));
  fit.notes = fit.ddl;
  if (wanted.order_by.empty())
    fit.notes.emplace_back("the table is in no order: `order_by` names the columns that questions ask for");
  return fit;
}

/// Fits a wanted table to the one that is there.
class Fitter {
 public:
  Fitter(const WantedTable& wanted, const StoredTable& stored, const Engine& engine)
      : wanted_(wanted), stored_(stored), engine_(engine), alter_("ALTER TABLE " + quote_name(wanted.table) + " ") {}

  Fit fit() {
    if (!is_known_engine(stored_.engine))
      fit_.differences.push_back(
          fmt::format("its engine is {}, and rows are written to MergeTree and ReplacingMergeTree", stored_.engine));
    if (stored_.engine.starts_with("Replicated") && !(engine_.tokens && engine_.marks_inserts))
      fit_.differences.push_back("tables of several servers need ClickHouse 22.2 or later, which knows tokens");
    for (const TableColumn& column : wanted_.columns) fit_column(column);
    const StoredColumn* mark = stored_.find(mark_column);
    if (mark == nullptr) {
      change(alter_ + "ADD COLUMN " + mark_definition());
    } else if (mark->type != "UInt64") {
      fit_.differences.push_back(
          fmt::format("column `{}`: the table has {}, and it is to be UInt64", mark_column, mark->type));
    }
    if (engine_.tokens && !stored_.indexed) {
      change(alter_ + "ADD " + index_definition());
      change(alter_ + "MATERIALIZE INDEX " + mark_index);
    }
    if (engine_.tokens && stored_.window < deduplication_window && !stored_.engine.starts_with("Shared"))
      change(fmt::format("{}MODIFY SETTING {} = {}", alter_,
                         stored_.engine.starts_with("Replicated") ? "replicated_deduplication_window" : window_setting,
                         deduplication_window));
    fit_.replacing = is_replacing(stored_.engine);
    fit_.counts_hold = !fit_.replacing && !stored_.expires;
    fit_.notes.insert(fit_.notes.begin(), fmt::format("the table is there ({}), and its columns {}", stored_.engine,
                                                      fit_.ddl.empty() ? "fit" : "are made to fit"));
    return std::move(fit_);
  }

 private:
  void change(std::string ddl) {
    fit_.notes.push_back(ddl);
    fit_.ddl.push_back(std::move(ddl));
  }

  const StoredColumn* column_of(const std::string& name) const {
    if (const StoredColumn* same = stored_.find(name)) return same;
    const StoredColumn* found = nullptr;
    for (const StoredColumn& column : stored_.columns) {
      if (name_key(column.name) != name_key(name) || column.name == mark_column) continue;
      if (found != nullptr) return nullptr;  // two are as near
      found = &column;
    }
    return found;
  }

  void fit_column(const TableColumn& column) {
    const StoredColumn* there = column_of(column.name);
    const auto type = type_for(wanted_, column, engine_);
    if (there == nullptr) {
      add_column(column, type);
    } else if (!there->default_kind.empty() && there->default_kind != "DEFAULT") {
      fit_.differences.push_back(
          fmt::format("column `{}`: the table's is {}, and cannot be filled", column.name, there->default_kind));
    } else {
      take_column(column, type, *there);
    }
  }

  void add_column(const TableColumn& column, const Result<ColumnType>& type) {
    if (wanted_.evolve == Evolve::ignore) {
      fit_.notes.push_back(
          fmt::format("column `{}` of the rows is left out: the table has none of that name", column.name));
    } else if (!type) {
      fit_.differences.push_back(type.error().what);
    } else if (wanted_.evolve == Evolve::add || (wanted_.growth.columns && column.nullable)) {
      change(fmt::format("{}ADD COLUMN {} {}", alter_, quote_name(column.name), type->text));
      fit_.columns.push_back(filled(column, *type));
    } else {
      fit_.differences.push_back(fmt::format("column `{}`: the table has none of that name", column.name));
    }
  }

  void take_column(const TableColumn& column, const Result<ColumnType>& type, const StoredColumn& there) {
    auto stored = parse_column_type(there.type, engine_);
    TableColumn named = column;
    named.name = there.name;
    if (stored && takes(*stored, *column.type)) {
      fit_.columns.push_back(filled(named, *stored));
      fit_.columns.back().takes_null = stored->takes_null() && column.nullable;
    } else if (stored && type && wanted_.growth.types && becomes(stored->arrow, type->arrow)) {
      change(fmt::format("{}MODIFY COLUMN {} {}", alter_, quote_name(there.name), type->text));
      fit_.columns.push_back(filled(named, *type));
    } else {
      fit_.differences.push_back(fmt::format("column `{}`: the table has {}, the rows have {}", column.name, there.type,
                                             type ? type->text : type_name(*column.type)));
    }
  }

  /// Whether a column may be changed to hold the values of both.
  static bool becomes(const Type& from, const Type& to) {
    const Type wide = wider_type(from, to);
    return wide && same_type(*wide, *to);
  }

  const WantedTable& wanted_;
  const StoredTable& stored_;
  const Engine& engine_;
  const std::string alter_;
  Fit fit_;
};

/// The number behind `name = ` in the clauses of an engine; `otherwise` where it does not stand there.
int64_t setting_in(std::string_view clauses, std::string_view name, int64_t otherwise) {
  const std::string wanted = fmt::format("{} = ", name);
  const size_t at = clauses.find(wanted);
  int64_t value = otherwise;
  if (at != std::string_view::npos)
    std::from_chars(clauses.data() + at + wanted.size(), clauses.data() + clauses.size(), value);
  return value;
}

}  // namespace

bool is_known_engine(std::string_view engine) {
  for (const std::string_view kept : {"Replicated", "Shared"})
    if (engine.starts_with(kept)) engine.remove_prefix(kept.size());
  engine = engine.substr(0, engine.find('('));
  return engine == "MergeTree" || engine == "ReplacingMergeTree";
}

const StoredColumn* StoredTable::find(const std::string& name) const {
  const auto found = std::ranges::find(columns, name, &StoredColumn::name);
  return found == columns.end() ? nullptr : &*found;
}

Result<std::optional<StoredTable>> look(Client& client, const Engine& engine, const std::string& table) {
  const std::string here = fmt::format("database = {} AND ", quote_text(client.address().database));
  // Not in the database itself: one that is not there is told apart from a table that is not.
  Statement about{
      fmt::format("SELECT engine, engine_full FROM system.tables WHERE {}name = {}", here, quote_text(table))};
  ASSIGN(const auto tables, client.rows(about));
  if (tables.empty()) return std::optional<StoredTable>();
  StoredTable out;
  out.engine = tables[0].at(0);
  out.engine_full = tables[0].at(1);
  out.expires = mentions(out.engine_full, "TTL");
  ASSIGN(const auto columns,
         client.rows(
             fmt::format("SELECT name, type, default_kind, default_expression FROM system.columns WHERE {}table = {}",
                         here, quote_text(table))));
  for (const auto& column : columns) out.columns.push_back({column.at(0), column.at(1), column.at(2), column.at(3)});
  if (!engine.tokens) return std::optional(std::move(out));
  ASSIGN(const auto indexes,
         client.rows(fmt::format("SELECT count() FROM system.data_skipping_indices WHERE {}table = {} AND name = {}",
                                 here, quote_text(table), quote_text(mark_index))));
  out.indexed = !indexes.empty() && indexes[0].at(0) != "0";
  const std::string setting = out.engine.starts_with("Replicated") ? "replicated_deduplication_window" : window_setting;
  out.window = setting_in(out.engine_full, setting, -1);
  if (out.window < 0) {
    ASSIGN(const auto usual, client.rows(fmt::format("SELECT value FROM system.merge_tree_settings WHERE name = {}",
                                                     quote_text(setting))));
    out.window = usual.empty() ? 0 : std::atoll(usual[0].at(0).c_str());
  }
  return std::optional(std::move(out));
}

Fit fit_table(const WantedTable& wanted, const std::optional<StoredTable>& stored, const Engine& engine) {
  Fit fit = stored ? Fitter(wanted, *stored, engine).fit() : fit_new(wanted, engine);
  for (FilledColumn& column : fit.columns)
    column.takes_null = column.takes_null && !is_list(column.type) && !column.key;
  return fit;
}

void mark_key_columns(WantedTable& wanted) {
  for (TableColumn& column : wanted.columns) {
    const auto stands_in = [&](const std::string& part) { return mentions(part, column.name); };
    column.key = std::ranges::any_of(wanted.order_by, stands_in) || std::ranges::any_of(wanted.partition_by, stands_in);
  }
}

}  // namespace trommel::clickhouse
