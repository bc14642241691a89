#include "connectors/files/partition.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <chrono>
#include <unordered_map>

namespace trommel {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '/' || c == '%' || c == '=' || c == '\\') {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string timestamp_text(const arrow::TimestampType& type, int64_t value) {
  int64_t per_second = 1;
  int digits = 0;
  for (int unit = static_cast<int>(type.unit()); unit > 0; --unit) {
    per_second *= 1000;
    digits += 3;
  }
  int64_t seconds = value / per_second;
  int64_t fraction = value % per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  const std::chrono::sys_seconds at{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count());
  if (time.seconds().count() != 0 || fraction != 0) out += fmt::format(":{:02}", time.seconds().count());
  if (fraction != 0) {
    out += fmt::format(".{:0{}}", fraction, digits);
    out.erase(out.find_last_not_of('0') + 1);
  }
  return type.timezone().empty() ? out : out + "Z";
}

}  // namespace

bool names_folders(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::LIST:
    case arrow::Type::STRUCT:
    case arrow::Type::MAP:
    case arrow::Type::BINARY:
    case arrow::Type::NA:
    case arrow::Type::FIXED_SIZE_BINARY:
      return false;
    default:
      return true;
  }
}

std::string partition_folder(std::string_view column, const arrow::Array& values, int64_t row) {
  std::string text;
  if (values.IsNull(row)) {
    text = "__HIVE_DEFAULT_PARTITION__";
  } else if (values.type_id() == arrow::Type::TIMESTAMP) {
    text = encoded(timestamp_text(static_cast<const arrow::TimestampType&>(*values.type()),
                                  static_cast<const arrow::TimestampArray&>(values).Value(row)));
  } else {
    text = encoded(value_text(values, row));
  }
  return encoded(column) + "=" + text;
}

Result<std::vector<Partition>> partition_rows(const arrow::RecordBatch& rows, const std::vector<int>& columns) {
  const auto count = static_cast<size_t>(rows.num_rows());
  std::vector<uint32_t> group_of(count, 0);  // rows with the same values in the columns seen so far
  std::vector<int64_t> first_row{0};         // of each group
  for (const int column : columns) {
    std::shared_ptr<arrow::Array> values = rows.column(column);
    if (values->type_id() == arrow::Type::EXTENSION)
      values = static_cast<const arrow::ExtensionArray&>(*values).storage();
    const auto encoded_values = arrow::compute::DictionaryEncode(
        values, arrow::compute::DictionaryEncodeOptions(arrow::compute::DictionaryEncodeOptions::MASK));
    if (!encoded_values.ok()) return tl::unexpected(from_arrow(encoded_values.status(), rows.column_name(column)));
    const auto dictionary = encoded_values->make_array();
    const auto& indices =
        static_cast<const arrow::Int32Array&>(*static_cast<const arrow::DictionaryArray&>(*dictionary).indices());
    std::unordered_map<uint64_t, uint32_t> groups;
    std::vector<int64_t> firsts;
    for (size_t row = 0; row < count; ++row) {
      const auto at = static_cast<int64_t>(row);
      const uint32_t value = indices.IsNull(at) ? UINT32_MAX : static_cast<uint32_t>(indices.Value(at));
      const auto [group, is_new] =
          groups.try_emplace(uint64_t{group_of[row]} << 32 | value, static_cast<uint32_t>(firsts.size()));
      if (is_new) firsts.push_back(at);
      group_of[row] = group->second;
    }
    first_row = std::move(firsts);
  }
  std::vector<Partition> out(count == 0 ? 0 : first_row.size());
  for (size_t group = 0; group < out.size(); ++group) {
    for (const int column : columns) {
      if (!out[group].folder.empty()) out[group].folder += '/';
      out[group].folder += partition_folder(rows.column_name(column), *rows.column(column), first_row[group]);
    }
  }
  for (size_t row = 0; row < count; ++row) out[group_of[row]].rows.push_back(static_cast<int64_t>(row));
  return out;
}

}  // namespace trommel
