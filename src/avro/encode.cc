#include "avro/encode.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "avro/encode_plan.h"
#include "avro/wire.h"

namespace trommel::avro {

namespace {

/// An array of a batch, as a step reads it: row i is the i-th of `main`.
struct Bound {
  const uint8_t* valid = nullptr;  ///< bits, from `valid_offset` on; null: all are valid
  int64_t valid_offset = 0;
  const uint8_t* main = nullptr;
  const uint8_t* bytes = nullptr;
  int64_t main_offset = 0;  ///< of booleans, in bits

  bool is_null(int64_t row) const { return valid != nullptr && !arrow::bit_util::GetBit(valid, valid_offset + row); }
  template <class T>
  T value(int64_t row) const {
    T out;
    std::memcpy(&out, main + row * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return out;
  }
};

/// Bytes appended to a text, without asking for room at each.
class Output {
 public:
  explicit Output(std::string& text) : text_(text), size_(text.size()) {}
  ~Output() { text_.resize(size_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  size_t size() const { return size_; }
  void cut(size_t size) { size_ = size; }
  uint8_t* room(size_t bytes) {
    if (text_.size() - size_ < bytes) text_.resize(std::max({text_.size() * 2, size_ + bytes, size_t{4096}}));
    return reinterpret_cast<uint8_t*>(text_.data()) + size_;
  }
  void wrote(size_t bytes) { size_ += bytes; }

  void put_long(int64_t value) {
    uint8_t* const at = room(long_bytes_max);
    wrote(static_cast<size_t>(write_long(at, value) - at));
  }
  void put(const void* bytes, size_t size) {
    if (size > 0) std::memcpy(room(size), bytes, size);
    wrote(size);
  }
  void put_sized(const void* bytes, size_t size) {
    uint8_t* const begin = room(long_bytes_max + size);
    uint8_t* const at = write_long(begin, static_cast<int64_t>(size));
    if (size > 0) std::memcpy(at, bytes, size);
    wrote(static_cast<size_t>(at - begin) + size);
  }

 private:
  std::string& text_;
  size_t size_;
};

/// Highest byte first; returns how many bytes it takes.
size_t write_big(__int128 value, uint8_t (&out)[16]) {
  for (int i = 15; i >= 0; --i, value >>= 8) out[i] = static_cast<uint8_t>(value);
  size_t first = 0;
  while (first < 15 &&
         ((out[first] == 0 && (out[first + 1] & 0x80) == 0) || (out[first] == 0xff && (out[first + 1] & 0x80) != 0)))
    ++first;
  return 16 - first;
}

std::string uuid_text(const uint8_t* bytes) {
  std::string out;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    constexpr char digits[] = "0123456789abcdef";
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

/// Fills in where the arrays of a batch lie, in the order of the steps that read them.
class Binder {
 public:
  Binder(const std::vector<EncodeStep>& steps, std::vector<Bound>& bound) : steps_(steps), bound_(bound) {}

  /// Binds the step at `pc` and those in it to the array; returns the step behind.
  uint32_t bind(uint32_t pc, const std::shared_ptr<arrow::Array>& array) {
    const EncodeStep& step = steps_[pc];
    const arrow::ArrayData& data = *array->data();
    Bound& bound = bound_[step.source];
    bound = {};
    // A column of nothing but NULL has no bits for that, and needs none: it writes no values.
    if (data.type->id() != arrow::Type::NA && array->null_count() > 0) {
      bound.valid = data.buffers[0]->data();
      bound.valid_offset = data.offset;
    }
    keep_.push_back(array);
    switch (step.op) {
      case EncodeOp::nothing:
      case EncodeOp::constant:
        return step.next;
      case EncodeOp::boolean:
        bound.main = main_of(data, 0);
        bound.main_offset = data.offset;
        return step.next;
      case EncodeOp::int32:
      case EncodeOp::raw32:
        bound.main = main_of(data, 4);
        return step.next;
      case EncodeOp::int64:
      case EncodeOp::raw64:
        bound.main = main_of(data, 8);
        return step.next;
      case EncodeOp::decimal:
      case EncodeOp::decimal_fixed:
      case EncodeOp::uuid_text:
      case EncodeOp::uuid_fixed:
        bound.main = main_of(data, 16);
        return step.next;
      case EncodeOp::sized:
      case EncodeOp::fixed:
      case EncodeOp::symbol:
        bound.main = main_of(data, 4);
        bound.bytes = data.buffers[2] ? data.buffers[2]->data() : nullptr;
        return step.next;
      case EncodeOp::list:
        bound.main = main_of(data, 4);
        return bind(pc + 1, static_cast<const arrow::ListArray&>(*array).values());
      case EncodeOp::map: {
        const auto& map = static_cast<const arrow::MapArray&>(*array);
        bound.main = main_of(data, 4);
        return bind(bind(pc + 1, map.keys()), map.items());
      }
      case EncodeOp::one_of:
      case EncodeOp::structure: {
        const auto& all = static_cast<const arrow::StructArray&>(*array);
        uint32_t at = pc + 1;
        for (int i = 0; i < all.num_fields(); ++i) at = bind(at, all.field(i));
        return at;
      }
    }
    return step.next;
  }

 private:
  static const uint8_t* main_of(const arrow::ArrayData& data, int64_t width) {
    return data.buffers[1] ? data.buffers[1]->data() + width * data.offset : nullptr;
  }

  const std::vector<EncodeStep>& steps_;
  std::vector<Bound>& bound_;
  std::vector<std::shared_ptr<arrow::Array>> keep_;  ///< slices made on the way
};

/// Writes rows by the steps.
class Run {
 public:
  Run(const EncodePlan& plan, const std::vector<Bound>& bound, Output& out)
      : plan_(plan), steps_(plan.steps), bound_(bound), out_(out) {}

  std::string value, reason;  ///< of what `write` failed at
  uint32_t failed = 0;

  bool write(uint32_t pc, uint32_t end, int64_t row) {
    while (pc < end) {
      if (!write_step(pc, row)) return false;
      pc = steps_[pc].next;
    }
    return true;
  }

 private:
  bool fail(uint32_t pc, std::string of, std::string why) {
    failed = pc;
    value = std::move(of);
    reason = std::move(why);
    return false;
  }

  bool write_step(uint32_t pc, int64_t row) {
    const EncodeStep& step = steps_[pc];
    const Bound& from = bound_[step.source];
    if (from.is_null(row)) {
      if (step.null_branch < 0) return fail(pc, "NULL", "NULL, where the schema has no null");
      out_.put_long(step.null_branch);
      return true;
    }
    if (step.value_branch >= 0) out_.put_long(step.value_branch);
    switch (step.op) {
      case EncodeOp::nothing:
        return true;
      case EncodeOp::boolean:
        *out_.room(1) = arrow::bit_util::GetBit(from.main, from.main_offset + row) ? 1 : 0;
        out_.wrote(1);
        return true;
      case EncodeOp::int32:
        out_.put_long(from.value<int32_t>(row));
        return true;
      case EncodeOp::int64:
        out_.put_long(from.value<int64_t>(row));
        return true;
      case EncodeOp::raw32:
        out_.put(from.main + 4 * row, 4);
        return true;
      case EncodeOp::raw64:
        out_.put(from.main + 8 * row, 8);
        return true;
      case EncodeOp::sized: {
        const std::string_view bytes = bytes_of(from, row);
        out_.put_sized(bytes.data(), bytes.size());
        return true;
      }
      case EncodeOp::fixed:
        return write_fixed(pc, bytes_of(from, row));
      case EncodeOp::symbol:
        return write_symbol(pc, bytes_of(from, row));
      case EncodeOp::decimal:
      case EncodeOp::decimal_fixed:
        return write_decimal(pc, from.value<__int128>(row));
      case EncodeOp::uuid_text: {
        const std::string text = uuid_text(from.main + 16 * row);
        out_.put_sized(text.data(), text.size());
        return true;
      }
      case EncodeOp::uuid_fixed:
        out_.put(from.main + 16 * row, 16);
        return true;
      case EncodeOp::list:
      case EncodeOp::map:
        return write_items(pc, from, row);
      case EncodeOp::one_of:
        return write_branch(pc, row);
      case EncodeOp::constant:
        out_.put(plan_.constants[step.extra].data(), plan_.constants[step.extra].size());
        return true;
      case EncodeOp::structure:
        return write(pc + 1, step.next, row);
    }
    return false;
  }

  static std::string_view bytes_of(const Bound& from, int64_t row) {
    const auto begin = from.value<int32_t>(row), end = from.value<int32_t>(row + 1);
    return {reinterpret_cast<const char*>(from.bytes) + begin, static_cast<size_t>(end - begin)};
  }

  bool write_fixed(uint32_t pc, std::string_view bytes) {
    if (bytes.size() != steps_[pc].extra)
      return fail(pc, {}, fmt::format("{} bytes, where the schema has {}", bytes.size(), steps_[pc].extra));
    out_.put(bytes.data(), bytes.size());
    return true;
  }

  bool write_symbol(uint32_t pc, std::string_view text) {
    const Symbols& table = plan_.symbols[steps_[pc].extra];
    const auto found = table.find(text);
    if (found == table.end())
      return fail(pc, std::string(text), fmt::format("`{}` is no symbol of the schema's enum", text));
    out_.put_long(found->second);
    return true;
  }

  bool write_decimal(uint32_t pc, __int128 number) {
    uint8_t bytes[16];
    const size_t size = write_big(number, bytes);
    if (steps_[pc].op == EncodeOp::decimal) {
      out_.put_sized(bytes + 16 - size, size);
      return true;
    }
    const size_t room = steps_[pc].extra;
    if (size > room) return fail(pc, {}, fmt::format("the number does not fit {} bytes", room));
    uint8_t* const at = out_.room(room);
    std::memset(at, number < 0 ? 0xff : 0, room);
    const size_t last = std::min<size_t>(room, 16);
    std::memcpy(at + room - last, bytes + 16 - last, last);
    out_.wrote(room);
    return true;
  }

  bool write_items(uint32_t pc, const Bound& from, int64_t row) {
    const int64_t begin = from.value<int32_t>(row), end = from.value<int32_t>(row + 1);
    if (end > begin) out_.put_long(end - begin);
    for (int64_t i = begin; i < end; ++i) {
      if (!write(pc + 1, steps_[pc].next, i)) return false;
    }
    out_.put_long(0);
    return true;
  }

  bool write_branch(uint32_t pc, int64_t row) {
    const std::vector<int8_t>& branches = plan_.branches[steps_[pc].extra];
    uint32_t at = pc + 1;
    for (const int8_t branch : branches) {
      if (!bound_[steps_[at].source].is_null(row)) {
        out_.put_long(branch);
        return write_step(at, row);
      }
      at = steps_[at].next;
    }
    return fail(pc, "NULL", "no branch of the union is filled");
  }

  const EncodePlan& plan_;
  const std::vector<EncodeStep>& steps_;
  const std::vector<Bound>& bound_;
  Output& out_;
};

}  // namespace

DatumEncoder::DatumEncoder(std::unique_ptr<EncodePlan> plan) : plan_(std::move(plan)) {}
DatumEncoder::~DatumEncoder() = default;
DatumEncoder::DatumEncoder(DatumEncoder&&) noexcept = default;
DatumEncoder& DatumEncoder::operator=(DatumEncoder&&) noexcept = default;

Result<DatumEncoder> DatumEncoder::make(SchemaPtr writer, const arrow::Schema& rows, std::vector<int> from_column) {
  ASSIGN(EncodePlan plan, plan_encoding(std::move(writer), rows, from_column));
  return DatumEncoder(std::make_unique<EncodePlan>(std::move(plan)));
}

Result<DatumEncoder> DatumEncoder::make(SchemaPtr writer, const arrow::Schema& rows) {
  std::vector<int> from_column;
  for (const SchemaField& field : writer->fields) {
    int from = rows.GetFieldIndex(field.name);
    for (const std::string& alias : field.aliases) from = from < 0 ? rows.GetFieldIndex(alias) : from;
    from_column.push_back(from);
  }
  return make(std::move(writer), rows, std::move(from_column));
}

Result<std::vector<RowRefusal>> DatumEncoder::encode(const arrow::RecordBatch& rows, std::string_view prefix,
                                                     std::string& out, std::vector<size_t>& ends) {
  const EncodePlan& plan = *plan_;
  std::vector<RowRefusal> refusals;
  std::set<int64_t> refused;
  std::vector<Bound> bound(plan.sources);
  Binder binder(plan.steps, bound);
  uint32_t at = 0;
  for (const EncodePlan::Column& column : plan.columns) {
    while (plan.steps[at].op == EncodeOp::constant) ++at;
    ASSIGN(const CastOutcome cast, cast_column(rows.column(column.from), column.type));
    for (const int64_t row : cast.refused) {
      if (!refused.insert(row).second) continue;
      std::string value = value_text(*rows.column(column.from), row);
      std::string reason = fmt::format("no {}: {}", type_name(*column.type), value);
      refusals.push_back({row, column.name, std::move(value), std::move(reason)});
    }
    at = binder.bind(at, cast.column);
  }
  Output output(out);
  Run run(plan, bound, output);
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    const size_t before = output.size();
    if (!refused.empty() && refused.contains(row)) {
      ends.push_back(before);
      continue;
    }
    output.put(prefix.data(), prefix.size());
    if (!run.write(0, plan.end(), row)) {
      output.cut(before);
      refusals.push_back({row, plan.paths[run.failed], run.value, run.reason});
    }
    ends.push_back(output.size());
  }
  std::sort(refusals.begin(), refusals.end(), [](const RowRefusal& a, const RowRefusal& b) { return a.row < b.row; });
  return refusals;
}

}  // namespace trommel::avro
