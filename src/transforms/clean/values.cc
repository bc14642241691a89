#include "transforms/clean/values.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "batch/compute.h"

namespace trommel {

namespace {

Result<ArrayPtr> call(const char* function, std::vector<arrow::Datum> arguments,
                      const arrow::compute::FunctionOptions* options = nullptr) {
  TRY(compute_ready());
  auto out = arrow::compute::CallFunction(function, arguments, options);
  if (!out.ok()) return tl::unexpected(from_arrow(out.status(), std::string("clean: ") + function));
  return out->make_array();
}

// Runs `work` with the column as the array type that it is; the column must be text.
template <class Work>
auto with_text(const arrow::Array& column, Work&& work) {
  if (column.type_id() == arrow::Type::LARGE_STRING) return work(static_cast<const arrow::LargeStringArray&>(column));
  return work(static_cast<const arrow::StringArray&>(column));
}

template <class Text>
std::string_view all_bytes(const Text& column) {
  if (column.length() == 0) return {};
  const auto from = column.value_offset(0);
  const auto to = column.value_offset(column.length());
  return {reinterpret_cast<const char*>(column.raw_data()) + from, static_cast<size_t>(to - from)};
}

// Bytes of a blank at the start of `text`, 0 when there is none there.
size_t blank_at_start(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<uint8_t>(text[0]);
  if (first == ' ' || (first >= 9 && first <= 13)) return 1;
  if (first == 0xc2 && text.size() > 1) return text[1] == '\x85' || text[1] == '\xa0' ? 2 : 0;
  if (text.size() < 3) return 0;
  const std::string_view three = text.substr(0, 3);
  if (first == 0xe2) {
    const auto last = static_cast<uint8_t>(text[2]);
    if (text[1] == '\x80') return last <= 0x8a || last == 0xa8 || last == 0xa9 || last == 0xaf ? 3 : 0;
    return three == "\xe2\x81\x9f" ? 3 : 0;
  }
  return three == "\xe1\x9a\x80" || three == "\xe3\x80\x80" || three == "\xef\xbb\xbf" ? 3 : 0;
}

size_t blank_at_end(std::string_view text) {
  if (text.empty()) return 0;
  if (static_cast<uint8_t>(text.back()) < 0x80) return blank_at_start(text.substr(text.size() - 1));
  for (const size_t length : {size_t{2}, size_t{3}}) {
    if (text.size() >= length && blank_at_start(text.substr(text.size() - length)) == length) return length;
  }
  return 0;
}

// A quick look that may say yes for text without blanks, never no for text with them.
bool may_have_blanks(std::string_view text) {
  const auto suspect = [](char c) { return static_cast<uint8_t>(c) <= 0x20 || static_cast<uint8_t>(c) >= 0x80; };
  return !text.empty() && (suspect(text.front()) || suspect(text.back()));
}

// Whether collapsing would change it; may say yes for text with characters beyond ASCII that are no blanks.
bool may_collapse(std::string_view text) {
  bool blank = true;  // before it
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x80 || (byte >= 9 && byte <= 13) || (c == ' ' && blank)) return true;
    blank = c == ' ';
  }
  return blank && !text.empty();
}

void collapse(std::string_view text, std::string& out) {
  out.clear();
  text = trimmed(text);
  while (!text.empty()) {
    if (const size_t blank = blank_at_start(text); blank > 0) {
      if (out.back() != ' ') out += ' ';
      text.remove_prefix(blank);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
}

template <class Text>
Result<ArrayPtr> collapse_all(const Text& column, const ArrayPtr& whole) {
  int64_t first = 0;
  while (first < column.length() && !may_collapse(column.GetView(first))) ++first;
  if (first == column.length()) return whole;
  typename arrow::TypeTraits<typename Text::TypeClass>::BuilderType builder;
  std::string text;
  for (int64_t row = 0; row < column.length(); ++row) {
    auto status = arrow::Status::OK();
    if (column.IsNull(row)) {
      status = builder.AppendNull();
    } else if (may_collapse(column.GetView(row))) {
      collapse(column.GetView(row), text);
      status = builder.Append(text);
    } else {
      status = builder.Append(column.GetView(row));
    }
    if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: collapse_spaces"));
  }
  ArrayPtr out;
  const auto status = builder.Finish(&out);
  if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: collapse_spaces"));
  return out;
}

template <class Text>
Result<ArrayPtr> trim(const Text& column, const ArrayPtr& whole) {
  int64_t first = 0;
  const int64_t rows = column.length();
  while (first < rows && (!may_have_blanks(column.GetView(first)) ||
                          trimmed(column.GetView(first)).size() == column.GetView(first).size()))
    ++first;
  if (first == rows) return whole;
  typename arrow::TypeTraits<typename Text::TypeClass>::BuilderType builder;
  auto status = builder.Reserve(rows);
  if (status.ok()) status = builder.ReserveData(static_cast<int64_t>(all_bytes(column).size()));
  if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: trim"));
  for (int64_t row = 0; row < rows; ++row) {
    if (column.IsNull(row)) {
      builder.UnsafeAppendNull();
      continue;
    }
    const std::string_view text = column.GetView(row);
    builder.UnsafeAppend(may_have_blanks(text) ? trimmed(text) : text);
  }
  ArrayPtr out;
  status = builder.Finish(&out);
  if (!status.ok()) return tl::unexpected(from_arrow(status, "clean: trim"));
  return out;
}

struct Letters {
  bool ascii = true;
  bool small = false, capital = false;  // among ASCII
};

Letters letters_of(std::string_view bytes) {
  uint8_t high = 0, small = 0, capital = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    high |= byte;
    small |= static_cast<uint8_t>(static_cast<uint8_t>(byte - 'a') < 26);
    capital |= static_cast<uint8_t>(static_cast<uint8_t>(byte - 'A') < 26);
  }
  return {(high & 0x80) == 0, small != 0, capital != 0};
}

// The column with `dead` rows NULL; shares all buffers but the bitmap.
Result<ArrayPtr> without(const ArrayPtr& column, const std::vector<int64_t>& dead) {
  const int64_t bits = column->offset() + column->length();
  auto bitmap = arrow::AllocateEmptyBitmap(bits);
  if (!bitmap.ok()) return tl::unexpected(from_arrow(bitmap.status(), "clean: nulls"));
  uint8_t* valid = (*bitmap)->mutable_data();
  if (column->null_bitmap_data() != nullptr) {
    arrow::internal::CopyBitmap(column->null_bitmap_data(), column->offset(), column->length(), valid,
                                column->offset());
  } else {
    arrow::bit_util::SetBitsTo(valid, column->offset(), column->length(), true);
  }
  for (const int64_t row : dead) arrow::bit_util::ClearBit(valid, column->offset() + row);
  auto data = column->data()->Copy();
  data->buffers[0] = std::move(*bitmap);
  data->null_count = arrow::kUnknownNullCount;
  return arrow::MakeArray(data);
}

}  // namespace

std::string_view text_at(const arrow::Array& texts, int64_t row) {
  if (texts.type_id() == arrow::Type::LARGE_STRING)
    return static_cast<const arrow::LargeStringArray&>(texts).GetView(row);
  return static_cast<const arrow::StringArray&>(texts).GetView(row);
}

bool is_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}

std::string_view trimmed(std::string_view text) {
  while (const size_t blank = blank_at_start(text)) text.remove_prefix(blank);
  while (const size_t blank = blank_at_end(text)) text.remove_suffix(blank);
  return text;
}

Result<ArrayPtr> normalize_text(const ArrayPtr& column, TextForm form) {
  const Letters letters = with_text(*column, [](const auto& text) { return letters_of(all_bytes(text)); });
  if (letters.ascii) return column;
  const arrow::compute::Utf8NormalizeOptions options(
      form == TextForm::nfc ? arrow::compute::Utf8NormalizeOptions::NFC : arrow::compute::Utf8NormalizeOptions::NFKC);
  auto normalized = call("utf8_normalize", {column}, &options);
  return normalized ? std::move(*normalized) : column;
}

Result<ArrayPtr> collapse_spaces(const ArrayPtr& column) {
  return with_text(*column, [&](const auto& text) { return collapse_all(text, column); });
}

Result<ArrayPtr> trim_text(const ArrayPtr& column) {
  return with_text(*column, [&](const auto& text) { return trim(text, column); });
}

Result<ArrayPtr> change_case(const ArrayPtr& column, TextCase to) {
  const Letters letters = with_text(*column, [](const auto& text) { return letters_of(all_bytes(text)); });
  const bool lower = to == TextCase::lower;
  if (letters.ascii) {
    if (lower ? !letters.capital : !letters.small) return column;
    return call(lower ? "ascii_lower" : "ascii_upper", {column});
  }
  auto changed = call(lower ? "utf8_lower" : "utf8_upper", {column});
  // Bytes that are not UTF-8 (a Parquet file may hold them in text) are no reason to stop: ASCII letters change, the
  // rest stays.
  return changed ? changed : call(lower ? "ascii_lower" : "ascii_upper", {column});
}

Result<ArrayPtr> null_texts(const ArrayPtr& column, const std::vector<std::string>& markers) {
  uint64_t lengths = 0;  // bit n: a marker of n bytes (63: or more); most values are ruled out by it
  for (const std::string& marker : markers) lengths |= uint64_t{1} << std::min<size_t>(marker.size(), 63);
  std::vector<int64_t> dead;
  with_text(*column, [&](const auto& texts) {
    for (int64_t row = 0; row < texts.length(); ++row) {
      const std::string_view text = texts.GetView(row);
      if ((lengths >> std::min<size_t>(text.size(), 63) & 1) == 0) continue;
      if (std::find(markers.begin(), markers.end(), text) != markers.end() && !texts.IsNull(row)) dead.push_back(row);
    }
  });
  if (dead.empty()) return column;
  return without(column, dead);
}

Result<ArrayPtr> null_values(const ArrayPtr& column, const ArrayPtr& values) {
  const arrow::compute::SetLookupOptions options(values, arrow::compute::SetLookupOptions::NullMatchingBehavior::SKIP);
  ASSIGN(auto found, call("is_in", {column}, &options));
  const auto& marked = static_cast<const arrow::BooleanArray&>(*found);
  if (marked.true_count() == 0) return column;
  std::vector<int64_t> dead;
  for (int64_t row = 0; row < marked.length(); ++row) {
    if (marked.IsValid(row) && marked.Value(row)) dead.push_back(row);
  }
  return without(column, dead);
}

Result<ArrayPtr> fill_nulls(const ArrayPtr& column, const ArrayPtr& value) {
  if (column->null_count() == 0) return column;
  auto scalar = value->GetScalar(0);
  if (!scalar.ok()) return tl::unexpected(from_arrow(scalar.status(), "clean: fill"));
  return call("coalesce", {column, *scalar});
}

}  // namespace trommel
