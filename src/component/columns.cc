#include "component/columns.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace trommel {
namespace {

constexpr size_t names_shown_max = 8;
constexpr size_t files_shown_max = 5;

std::string listed(const std::vector<std::string>& names, size_t most = names_shown_max) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < most; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) out += fmt::format(" and {} more", names.size() - most);
  return out;
}

struct IntegerRange {
  int bits;
  bool is_signed;
};

std::optional<IntegerRange> integer_range(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT8:
      return IntegerRange{8, true};
    case arrow::Type::INT16:
      return IntegerRange{16, true};
    case arrow::Type::INT32:
      return IntegerRange{32, true};
    case arrow::Type::INT64:
      return IntegerRange{64, true};
    case arrow::Type::UINT8:
      return IntegerRange{8, false};
    case arrow::Type::UINT16:
      return IntegerRange{16, false};
    case arrow::Type::UINT32:
      return IntegerRange{32, false};
    case arrow::Type::UINT64:
      return IntegerRange{64, false};
    default:
      return std::nullopt;
  }
}

Type signed_type(int bits) {
  return bits <= 8 ? arrow::int8() : bits <= 16 ? arrow::int16() : bits <= 32 ? arrow::int32() : arrow::int64();
}
Type unsigned_type(int bits) {
  return bits <= 8 ? arrow::uint8() : bits <= 16 ? arrow::uint16() : bits <= 32 ? arrow::uint32() : arrow::uint64();
}

Type wider_integer(IntegerRange a, IntegerRange b) {
  if (a.is_signed == b.is_signed)
    return a.is_signed ? signed_type(std::max(a.bits, b.bits)) : unsigned_type(std::max(a.bits, b.bits));
  const int needed = std::max(a.is_signed ? a.bits : 2 * a.bits, b.is_signed ? b.bits : 2 * b.bits);
  return needed <= 64 ? signed_type(needed) : arrow::decimal128(20, 0);
}

/// Digits before and after the point.
struct Digits {
  int whole;
  int fraction;
};

std::optional<Digits> digits_of(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DECIMAL128) {
    const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
    return Digits{decimal.precision() - decimal.scale(), decimal.scale()};
  }
  const auto range = integer_range(type);
  if (!range) return std::nullopt;
  return Digits{range->bits <= 8 ? 3 : range->bits <= 16 ? 5 : range->bits <= 32 ? 10 : range->is_signed ? 19 : 20, 0};
}

bool is_float(const arrow::DataType& type) {
  return type.id() == arrow::Type::FLOAT || type.id() == arrow::Type::DOUBLE;
}
bool has_parts(const arrow::DataType& type) {
  return type.id() == arrow::Type::LIST || type.id() == arrow::Type::STRUCT || type.id() == arrow::Type::MAP;
}

Type wider_number(const Type& a, const Type& b) {
  const auto range_a = integer_range(*a);
  const auto range_b = integer_range(*b);
  if (range_a && range_b) return wider_integer(*range_a, *range_b);
  const auto digits_a = digits_of(*a);
  const auto digits_b = digits_of(*b);
  if (digits_a && digits_b) {
    const int whole = std::max(digits_a->whole, digits_b->whole);
    const int fraction = std::max(digits_a->fraction, digits_b->fraction);
    return whole + fraction <= 38 ? arrow::decimal128(whole + fraction, fraction) : arrow::utf8();
  }
  const auto is_number = [&](const Type& type, const auto& digits) { return digits || is_float(*type); };
  if (is_number(a, digits_a) && is_number(b, digits_b)) return arrow::float64();
  return nullptr;
}

Type wider_time(const Type& a, const Type& b) {
  const auto is = [](const Type& type, arrow::Type::type id) { return type->id() == id; };
  if (is(a, arrow::Type::TIMESTAMP) && is(b, arrow::Type::DATE32))
    return static_cast<const arrow::TimestampType&>(*a).timezone().empty() ? a : nullptr;
  if (is(a, arrow::Type::DATE32) && is(b, arrow::Type::TIMESTAMP)) return wider_time(b, a);
  if (is(a, arrow::Type::TIMESTAMP) && is(b, arrow::Type::TIMESTAMP)) {
    const auto& one = static_cast<const arrow::TimestampType&>(*a);
    const auto& other = static_cast<const arrow::TimestampType&>(*b);
    if (one.timezone().empty() != other.timezone().empty()) return nullptr;
    return arrow::timestamp(std::max(one.unit(), other.unit()),
                            one.timezone() == other.timezone() ? one.timezone() : "UTC");
  }
  const auto is_time = [&](const Type& type) { return is(type, arrow::Type::TIME32) || is(type, arrow::Type::TIME64); };
  if (is_time(a) && is_time(b)) {
    const auto unit =
        std::max(static_cast<const arrow::TimeType&>(*a).unit(), static_cast<const arrow::TimeType&>(*b).unit());
    return unit <= arrow::TimeUnit::MILLI ? arrow::time32(unit) : arrow::time64(unit);
  }
  return nullptr;
}

Type wider_struct(const arrow::DataType& a, const arrow::DataType& b) {
  arrow::FieldVector fields;
  for (const auto& field : a.fields()) {
    const auto& other = static_cast<const arrow::StructType&>(b).GetFieldByName(field->name());
    const Type type = other ? wider_type(field->type(), other->type()) : field->type();
    if (!type) return nullptr;
    fields.push_back(arrow::field(field->name(), type));
  }
  for (const auto& field : b.fields()) {
    if (!static_cast<const arrow::StructType&>(a).GetFieldByName(field->name())) fields.push_back(field);
  }
  return arrow::struct_(std::move(fields));
}

Type wider_nested(const Type& a, const Type& b) {
  if (a->id() != b->id()) return nullptr;
  if (a->id() == arrow::Type::STRUCT) return wider_struct(*a, *b);
  if (a->id() == arrow::Type::LIST) {
    const Type item = wider_type(a->field(0)->type(), b->field(0)->type());
    return item ? arrow::list(item) : nullptr;
  }
  const auto& one = static_cast<const arrow::MapType&>(*a);
  const auto& other = static_cast<const arrow::MapType&>(*b);
  const Type key = wider_type(one.key_type(), other.key_type());
  const Type item = wider_type(one.item_type(), other.item_type());
  return key && item ? arrow::map(key, item) : nullptr;
}

/// A column of the rows while files are brought together.
struct Growing {
  std::string name;
  Type type;
  std::string first_file;  ///< whose type it is
  size_t files = 0;        ///< that have it
  bool as_text = true;     ///< each of them can give it as text
};

Result<> widen_by(Growing& column, const Type& type, const FileColumns& by, std::vector<std::string>& notes) {
  const std::string& file = by.file;
  column.as_text = column.as_text && by.all_as_text;
  Type wider = wider_type(column.type, type);
  if (!wider && column.as_text) wider = arrow::utf8();
  if (!wider) {
    return data_error(file,
                      fmt::format("column {} is {}, but {} in {}", column.name, type_name(*type),
                                  type_name(*column.type), column.first_file),
                      "read these files apart from each other, or give a contract");
  }
  if (!same_type(*wider, *column.type) && column.type->id() != arrow::Type::NA) {
    notes.push_back(fmt::format("column {}: {} in {}, {} in {}: read as {}", column.name, type_name(*column.type),
                                column.first_file, type_name(*type), file, type_name(*wider)));
  }
  column.type = wider;
  return {};
}

Result<> grow(std::vector<Growing>& columns, const FileColumns& file, std::vector<std::string>& notes) {
  std::vector<ColumnInfo> so_far;
  for (const Growing& column : columns) so_far.push_back({column.name, column.type});
  const ColumnMap map = match_columns(*make_schema(so_far), *file.schema);
  std::set<int> used;
  for (size_t i = 0; i < map.from_column.size(); ++i) {
    if (map.from_column[i] < 0) continue;
    used.insert(map.from_column[i]);
    ++columns[i].files;
    TRY(widen_by(columns[i], file.schema->field(map.from_column[i])->type(), file, notes));
  }
  for (int i = 0; i < file.schema->num_fields(); ++i) {
    if (!used.contains(i))
      columns.push_back({file.schema->field(i)->name(), file.schema->field(i)->type(), file.file, 1, file.all_as_text});
  }
  return {};
}

Schema schema_of(const std::vector<Growing>& columns) {
  std::vector<ColumnInfo> infos;
  // A column that holds nothing but NULL in every file is text: nothing was seen that would speak against it.
  for (const Growing& column : columns)
    infos.push_back({column.name, column.type->id() == arrow::Type::NA ? arrow::utf8() : column.type});
  return make_schema(infos);
}

std::vector<std::string> broken_policies(const FileColumns& file, const ColumnMap& map, const Contract& contract) {
  std::vector<std::string> broken;
  if (!map.missing.empty() && contract.missing == MissingColumns::fail)
    broken.push_back("it lacks " + listed(map.missing));
  if (!map.extra.empty() && contract.extra == ExtraColumns::fail)
    broken.push_back("the contract does not know " + listed(map.extra));
  if (map.reordered && contract.reordered == ReorderedColumns::fail) {
    std::vector<std::string> order;
    for (const auto& field : file.schema->fields()) order.push_back(field->name());
    broken.push_back("its columns stand in another order: " + listed(order));
  }
  return broken;
}

std::string policy_hint(const std::vector<FileColumns>& files, const std::vector<ColumnMap>& maps,
                        const Contract& contract) {
  bool missing = false;
  bool extra = false;
  bool reordered = false;
  for (size_t i = 0; i < files.size(); ++i) {
    missing |= !maps[i].missing.empty() && contract.missing == MissingColumns::fail;
    extra |= !maps[i].extra.empty() && contract.extra == ExtraColumns::fail;
    reordered |= maps[i].reordered && contract.reordered == ReorderedColumns::fail;
  }
  std::string hint;
  if (missing) hint += "`missing: null` reads them as NULL";
  if (extra)
    hint += std::string(hint.empty() ? "" : ", ") + "`extra: drop` leaves columns out and `extra: keep` takes them in";
  if (reordered) hint += std::string(hint.empty() ? "" : ", ") + "`reordered: allow` matches by name";
  return hint;
}

}  // namespace

Type wider_type(const Type& a, const Type& b) {
  if (same_type(*a, *b)) return a;
  if (a->id() == arrow::Type::NA) return b;
  if (b->id() == arrow::Type::NA) return a;
  if (has_parts(*a) || has_parts(*b)) return wider_nested(a, b);
  if (Type number = wider_number(a, b)) return number;
  if (Type time = wider_time(a, b)) return time;
  return arrow::utf8();
}

ColumnMap match_columns(const arrow::Schema& rows, const arrow::Schema& file) {
  ColumnMap map;
  map.from_column.assign(static_cast<size_t>(rows.num_fields()), -1);
  std::vector<bool> used(static_cast<size_t>(file.num_fields()), false);
  const auto assign = [&](int row, int column) {
    map.from_column[static_cast<size_t>(row)] = column;
    used[static_cast<size_t>(column)] = true;
  };
  std::multimap<std::string, int> by_name;
  for (int i = 0; i < file.num_fields(); ++i) by_name.emplace(file.field(i)->name(), i);
  for (int i = 0; i < rows.num_fields(); ++i) {
    const auto [begin, end] = by_name.equal_range(rows.field(i)->name());
    const auto free =
        std::find_if(begin, end, [&](const auto& entry) { return !used[static_cast<size_t>(entry.second)]; });
    if (free != end) assign(i, free->second);
  }
  std::multimap<std::string, int> by_key;
  std::multiset<std::string> wanted_keys;
  for (int i = 0; i < file.num_fields(); ++i) {
    if (!used[static_cast<size_t>(i)]) by_key.emplace(name_key(file.field(i)->name()), i);
  }
  for (int i = 0; i < rows.num_fields(); ++i) {
    if (map.from_column[static_cast<size_t>(i)] < 0) wanted_keys.insert(name_key(rows.field(i)->name()));
  }
  int last = -1;
  for (int i = 0; i < rows.num_fields(); ++i) {
    int& column = map.from_column[static_cast<size_t>(i)];
    if (column < 0) {
      const std::string key = name_key(rows.field(i)->name());
      if (!key.empty() && by_key.count(key) == 1 && wanted_keys.count(key) == 1) assign(i, by_key.find(key)->second);
    }
    if (column < 0) {
      map.missing.push_back(rows.field(i)->name());
    } else {
      map.reordered |= column < last;
      last = column;
    }
  }
  for (int i = 0; i < file.num_fields(); ++i) {
    if (!used[static_cast<size_t>(i)]) map.extra.push_back(file.field(i)->name());
  }
  return map;
}

Result<UnifiedColumns> unify_columns(const std::vector<FileColumns>& files) {
  std::vector<Growing> columns;
  UnifiedColumns out;
  size_t with_columns = 0;
  for (const FileColumns& file : files) {
    if (file.schema->num_fields() == 0) continue;
    ++with_columns;
    TRY(grow(columns, file, out.notes));
  }
  for (const Growing& column : columns) {
    if (column.files == with_columns) continue;
    out.notes.push_back(
        fmt::format("column {} is in {} of {} files: NULL in the others", column.name, column.files, with_columns));
  }
  out.rows = schema_of(columns);
  return out;
}

Result<UnifiedColumns> unify_columns(const std::vector<FileColumns>& files, const Contract& contract) {
  std::vector<Growing> columns;
  for (const ContractColumn& column : contract.columns) {
    columns.push_back({column.name, column.type.value_or(nullptr), "the contract"});
  }
  const Schema wanted = contract_schema(contract);
  UnifiedColumns out;
  std::vector<ColumnMap> maps;
  std::vector<std::string> broken;
  for (const FileColumns& file : files) {
    ColumnMap& map = maps.emplace_back(match_columns(*wanted, *file.schema));
    if (file.schema->num_fields() == 0) map.missing.clear();  // an empty file breaks nothing
    for (const std::string& what : broken_policies(file, map, contract))
      broken.push_back(files.size() == 1 ? what : file.file + ": " + what);
    if (!map.missing.empty()) out.notes.push_back(fmt::format("{} lacks {}: NULL", file.file, listed(map.missing)));
    for (size_t i = 0; i < contract.columns.size(); ++i) {
      if (map.from_column[i] < 0 || contract.columns[i].type) continue;
      const Type& type = file.schema->field(map.from_column[i])->type();
      if (!columns[i].type) {
        columns[i].type = type;
        columns[i].first_file = file.file;
      }
      TRY(widen_by(columns[i], type, file, out.notes));
    }
    if (contract.extra == ExtraColumns::drop && !map.extra.empty()) {
      out.notes.push_back(fmt::format("{}: {} left out", file.file, listed(map.extra)));
    }
  }
  if (!broken.empty()) {
    std::string what = listed(broken, files_shown_max);
    if (files.size() == 1)
      return data_error(files.front().file, "it breaks the contract (" + contract.place.text() + "): " + what,
                        policy_hint(files, maps, contract));
    return data_error(contract.place.text(), "files break the contract: " + what, policy_hint(files, maps, contract));
  }
  for (Growing& column : columns) {
    if (!column.type) column.type = arrow::utf8();
  }
  if (contract.extra == ExtraColumns::keep) {
    const size_t known = columns.size();
    std::vector<Growing> others;
    for (size_t i = 0; i < files.size(); ++i) {
      std::vector<ColumnInfo> infos;
      for (const ColumnInfo& info : columns_of(*files[i].schema)) {
        if (std::find(maps[i].extra.begin(), maps[i].extra.end(), info.name) != maps[i].extra.end())
          infos.push_back(info);
      }
      TRY(grow(others, {files[i].file, make_schema(infos)}, out.notes));
    }
    columns.insert(columns.begin() + static_cast<ptrdiff_t>(known), others.begin(), others.end());
  }
  out.rows = schema_of(columns);
  return out;
}

}  // namespace trommel
