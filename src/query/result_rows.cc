#include "query/result_rows.h"

#include "arrow/api.h"
#include "arrow/c/bridge.h"
#include "arrow/compute/cast.h"
#include "batch/types.h"
#include "fmt/format.h"

namespace trommel::query {
namespace {

/// The word of a DuckDB type that ours have no place for, or null; looks into lists, structs and maps.
const char* homeless(duckdb_logical_type type) {
  const auto child = [](duckdb_logical_type inner) {
    const TypeHandle handle(inner);
    return homeless(handle.get());
  };
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_INTERVAL:
      return "INTERVAL";
    case DUCKDB_TYPE_UNION:
      return "UNION";
    case DUCKDB_TYPE_BIT:
      return "BIT";
    case DUCKDB_TYPE_TIME_TZ:
      return "TIME WITH TIME ZONE";
    case DUCKDB_TYPE_BIGNUM:
      return "BIGNUM";
    case DUCKDB_TYPE_UHUGEINT:
      return "UHUGEINT";
    case DUCKDB_TYPE_TIME_NS:
      return "TIME_NS";
    case DUCKDB_TYPE_GEOMETRY:
      return "GEOMETRY";
    case DUCKDB_TYPE_VARIANT:
      return "VARIANT";
    case DUCKDB_TYPE_LIST:
      return child(duckdb_list_type_child_type(type));
    case DUCKDB_TYPE_ARRAY:
      return child(duckdb_array_type_child_type(type));
    case DUCKDB_TYPE_MAP: {
      const char* key = child(duckdb_map_type_key_type(type));
      return key ? key : child(duckdb_map_type_value_type(type));
    }
    case DUCKDB_TYPE_STRUCT:
      for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
        if (const char* found = child(duckdb_struct_type_child_type(type, i))) return found;
      }
      return nullptr;
    default:
      return nullptr;
  }
}

std::shared_ptr<arrow::DataType> our_type(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::DICTIONARY:
      return arrow::utf8();
    case arrow::Type::TIMESTAMP: {
      const auto& stamp = static_cast<const arrow::TimestampType&>(*type);
      const auto unit = stamp.unit() == arrow::TimeUnit::SECOND ? arrow::TimeUnit::MILLI : stamp.unit();
      return arrow::timestamp(unit, stamp.timezone().empty() ? "" : "UTC");
    }
    case arrow::Type::LIST:
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::list(our_type(type->field(0)->type()));
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      return arrow::map(our_type(map.key_type()), our_type(map.item_type()));
    }
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(arrow::field(field->name(), our_type(field->type())));
      return arrow::struct_(std::move(fields));
    }
    default:
      return type;
  }
}

/// `data` under another type of the same layout (names of list items, zones), or null when the layout differs.
std::shared_ptr<arrow::ArrayData> relabelled(const arrow::ArrayData& data, const std::shared_ptr<arrow::DataType>& to) {
  if (data.type->id() != to->id() || data.child_data.size() != static_cast<size_t>(to->num_fields())) return nullptr;
  const bool nested = to->num_fields() > 0;
  if (to->id() == arrow::Type::TIMESTAMP) {
    if (static_cast<const arrow::TimestampType&>(*data.type).unit() !=
        static_cast<const arrow::TimestampType&>(*to).unit())
      return nullptr;
  } else if (!nested && !data.type->Equals(*to)) {
    return nullptr;
  }
  auto copy = data.Copy();
  copy->type = to;
  for (size_t i = 0; i < copy->child_data.size(); ++i) {
    copy->child_data[i] = relabelled(*data.child_data[i], to->field(static_cast<int>(i))->type());
    if (!copy->child_data[i]) return nullptr;
  }
  return copy;
}

}  // namespace

Result<ResultColumns> ResultColumns::of(duckdb_connection connection, std::vector<TypeHandle> types,
                                        std::vector<std::string> names) {
  std::vector<duckdb_logical_type> raw_types;
  std::vector<const char*> raw_names;
  for (size_t i = 0; i < types.size(); ++i) {
    if (const char* word = homeless(types[i].get())) {
      return config_error("", fmt::format("column `{}` is {}, which no other part of trommel knows", names[i], word),
                          "cast it to another type");
    }
    raw_types.push_back(types[i].get());
    raw_names.push_back(names[i].c_str());
  }
  ResultColumns columns;
  duckdb_connection_get_arrow_options(connection, columns.options_.out());
  ArrowSchema exported{};
  TRY(check(ErrorHandle(duckdb_to_arrow_schema(columns.options_.get(), raw_types.data(), raw_names.data(),
                                               raw_types.size(), &exported))));
  auto schema = arrow::ImportSchema(&exported);
  if (!schema.ok()) return tl::unexpected(from_arrow(schema.status(), "DuckDB's result"));
  columns.exported_ = *schema;
  arrow::FieldVector fields;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool uuid = duckdb_get_type_id(types[i].get()) == DUCKDB_TYPE_UUID;
    fields.push_back(
        arrow::field(names[i], uuid ? uuid_type() : our_type(columns.exported_->field(static_cast<int>(i))->type())));
  }
  columns.ours_ = arrow::schema(std::move(fields));
  return columns;
}

Result<ResultColumns> ResultColumns::of(duckdb_connection connection, duckdb_result* result) {
  std::vector<TypeHandle> types;
  std::vector<std::string> names;
  for (idx_t i = 0; i < duckdb_column_count(result); ++i) {
    types.emplace_back(duckdb_column_logical_type(result, i));
    names.emplace_back(duckdb_column_name(result, i));
  }
  return of(connection, std::move(types), std::move(names));
}

Result<ResultColumns> ResultColumns::of(duckdb_connection connection, duckdb_prepared_statement statement) {
  std::vector<TypeHandle> types;
  std::vector<std::string> names;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); ++i) {
    types.emplace_back(duckdb_prepared_statement_column_logical_type(statement, i));
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    names.emplace_back(name);
    duckdb_free(const_cast<char*>(name));
  }
  return of(connection, std::move(types), std::move(names));
}

Result<Rows> ResultColumns::rows(duckdb_data_chunk chunk) const {
  ArrowArray exported{};
  TRY(check(ErrorHandle(duckdb_data_chunk_to_arrow(options_.get(), chunk, &exported))));
  auto imported = arrow::ImportRecordBatch(&exported, exported_);
  if (!imported.ok()) return tl::unexpected(from_arrow(imported.status(), "DuckDB's result"));
  if (exported_->Equals(*ours_, /*check_metadata=*/false)) return *imported;
  arrow::ArrayVector columns;
  for (int i = 0; i < ours_->num_fields(); ++i) {
    const auto& column = (*imported)->column(i);
    const auto& type = ours_->field(i)->type();
    if (column->type()->Equals(*type)) {
      columns.push_back(column);
    } else if (type->id() == arrow::Type::EXTENSION) {
      ASSIGN(auto uuids, cast_column(column, type));
      if (!uuids.refused.empty())
        return internal_error("DuckDB's result", "a UUID is none: " + value_text(*column, uuids.refused.front()));
      columns.push_back(std::move(uuids.column));
    } else if (auto data = relabelled(*column->data(), type)) {
      columns.push_back(arrow::MakeArray(data));
    } else {
      auto cast = arrow::compute::Cast(*column, type);
      if (!cast.ok())
        return tl::unexpected(from_arrow(cast.status(), "column `" + ours_->field(i)->name() + "` of DuckDB's result"));
      columns.push_back(*cast);
    }
  }
  return arrow::RecordBatch::Make(ours_, (*imported)->num_rows(), std::move(columns));
}

}  // namespace trommel::query
