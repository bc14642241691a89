#include "avro/decode.h"

#include <arrow/util/utf8.h>
#include <fmt/format.h>

#include <limits>

#include "avro/columns.h"
#include "avro/wire.h"
#include "batch/text_value.h"

namespace trommel::avro {

namespace {

constexpr int64_t day_ms = 86'400'000, day_us = day_ms * 1000;
/// Items that take no bytes are believed up to here; others are bounded by the bytes that are there.
constexpr int64_t empty_items_max = 1 << 16;
constexpr int64_t items_max = std::numeric_limits<int32_t>::max();

using arrow::util::InitializeUTF8;
using arrow::util::ValidateUTF8;

/// What kept a value from being read. The text is put together later: most data are good.
enum class Fault : uint8_t {
  none,
  cut,       // its bytes are not all there, or go on without end
  range,     // a long where an int must be
  negative,  // a length below zero
  length,    // more bytes announced than there are
  branch,
  symbol,
  boolean,
  utf8,
  decimal,
  time,
  overflow,  // a timestamp too far away for its unit
  uuid,
  refused,
  items,
  block,  // its items end elsewhere than it says
  full,
};

/// Whether the writer's schema alone can read on after it.
bool is_of_the_reader(Fault fault) {
  return fault >= Fault::symbol && fault != Fault::boolean && fault != Fault::items && fault != Fault::block;
}

/// A number of `size` bytes, highest first, in two's complement; false when it does not fit 16 bytes.
bool read_big(const uint8_t* bytes, size_t size, __int128& out) {
  unsigned __int128 bits = size > 0 && (bytes[0] & 0x80) != 0 ? ~static_cast<unsigned __int128>(0) : 0;
  const uint8_t fill = static_cast<uint8_t>(bits);
  size_t at = 0;
  for (; size - at > 16; ++at) {
    if (bytes[at] != fill || (bytes[at + 1] & 0x80) != (fill & 0x80)) return false;
  }
  for (; at < size; ++at) bits = (bits << 8) | bytes[at];
  out = static_cast<__int128>(bits);
  return true;
}

__int128 power_of_ten(int exponent) {
  __int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// Follows the steps of a program over the bytes of one datum.
class Run {
 public:
  Run(const Program& program, ColumnSet* columns, Bytes bytes)
      : program_(program), columns_(columns), begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  bool row() { return run(program_.row.begin, program_.row.end); }
  bool skip() { return run(program_.skip.begin, program_.skip.end); }
  size_t taken() const { return static_cast<size_t>(at_ - begin_); }

  DatumRefusal refusal() const {
    const Program::Label& label = program_.labels[failed_];
    DatumRefusal out;
    out.at = static_cast<size_t>(failed_at_ - begin_);
    out.column = label.column;
    out.reason = fmt::format("{} expected at byte {} of the datum, {}", label.expected, out.at, what());
    out.skippable = is_of_the_reader(fault_);
    return out;
  }

 private:
  bool fail(uint32_t step, Fault fault, const uint8_t* where, int64_t value = 0) {
    failed_ = step;
    failed_at_ = where;
    fault_ = fault;
    value_ = value;
    return false;
  }

  std::string what() const {
    switch (fault_) {
      case Fault::cut:
        return end_ == failed_at_ ? "where the bytes end" : "but its bytes break off";
      case Fault::range:
        return fmt::format("but {} is no int", value_);
      case Fault::negative:
        return fmt::format("but it announces {} bytes", value_);
      case Fault::length:
        return fmt::format("but it announces {} bytes, and {} are left", value_, end_ - failed_at_);
      case Fault::branch:
        return fmt::format("but the union has no branch {}", value_);
      case Fault::symbol:
        return fmt::format("but symbol {} is none of the reader's", value_);
      case Fault::boolean:
        return fmt::format("but the byte is {}", value_);
      case Fault::utf8:
        return "but its bytes are not UTF-8";
      case Fault::decimal:
        return "but the number has more digits";
      case Fault::time:
        return fmt::format("but {} is no time of day", value_);
      case Fault::overflow:
        return fmt::format("but {} is too far from 1970 for a finer unit", value_);
      case Fault::uuid:
        return "but the text is no uuid";
      case Fault::refused:
        return "and found: " + program_.reasons[static_cast<size_t>(value_)];
      case Fault::items:
        return fmt::format("but it announces {} items, and {} bytes are left", value_, end_ - failed_at_);
      case Fault::block:
        return fmt::format("but its items do not end with their block of {} bytes", value_);
      case Fault::full:
        return "but the column is full: 2 GiB";
      case Fault::none:
        break;
    }
    return {};
  }

  bool read(int64_t& value) {
    const uint8_t* next = read_long(at_, end_, value);
    if (next == nullptr) return false;
    at_ = next;
    return true;
  }

  int64_t left() const { return end_ - at_; }

  // One function a kind of value: reads it, checks it, adds it. Each returns false after fail().

  template <class T>
  bool take_int(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t value = 0;
    if (!read(value)) return fail(pc, Fault::cut, where);
    if (value != static_cast<int32_t>(value)) return fail(pc, Fault::range, where, value);
    columns_->at(step.column).add_value(static_cast<T>(value));
    return true;
  }

  template <class T>
  bool take_long(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t value = 0;
    if (!read(value)) return fail(pc, Fault::cut, where);
    columns_->at(step.column).add_value(static_cast<T>(value));
    return true;
  }

  template <class T, class As>
  bool take_raw(uint32_t pc, const Step& step) {
    if (left() < static_cast<int64_t>(sizeof(T))) return fail(pc, Fault::cut, at_);
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    columns_->at(step.column).add_value(static_cast<As>(value));
    return true;
  }

  bool take_boolean(uint32_t pc, const Step& step) {
    if (at_ == end_) return fail(pc, Fault::cut, at_);
    if (*at_ > 1) return fail(pc, Fault::boolean, at_, *at_);
    columns_->at(step.column).add_value(*at_++);
    return true;
  }

  /// The length of text or bytes, which are all there.
  bool take_length(uint32_t pc, int64_t& size) {
    const uint8_t* const where = at_;
    if (!read(size)) return fail(pc, Fault::cut, where);
    if (size < 0) return fail(pc, Fault::negative, where, size);
    return size <= left() || fail(pc, Fault::length, at_, size);
  }

  bool take_sized(uint32_t pc, const Step& step, bool text) {
    int64_t size = 0;
    if (!take_length(pc, size)) return false;
    if (text && !ValidateUTF8(at_, size)) return fail(pc, Fault::utf8, at_);
    if (!columns_->at(step.column).add_bytes(at_, static_cast<size_t>(size))) return fail(pc, Fault::full, at_);
    at_ += size;
    return true;
  }

  bool take_fixed(uint32_t pc, const Step& step) {
    if (left() < step.extra) return fail(pc, Fault::cut, at_);
    if (!columns_->at(step.column).add_bytes(at_, step.extra)) return fail(pc, Fault::full, at_);
    at_ += step.extra;
    return true;
  }

  bool take_symbol(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t value = 0;
    if (!read(value)) return fail(pc, Fault::cut, where);
    const std::vector<std::string>& symbols = program_.symbols[step.extra];
    if (value < 0 || value >= static_cast<int64_t>(symbols.size()) || symbols[static_cast<size_t>(value)].empty())
      return fail(pc, Fault::symbol, where, value);
    const std::string& symbol = symbols[static_cast<size_t>(value)];
    return columns_->at(step.column).add_bytes(reinterpret_cast<const uint8_t*>(symbol.data()), symbol.size()) ||
           fail(pc, Fault::full, where);
  }

  bool take_decimal(uint32_t pc, const Step& step, int64_t size) {
    __int128 value = 0;
    const __int128 limit = power_of_ten(columns_->layout().columns[step.column].precision);
    if (!read_big(at_, static_cast<size_t>(size), value) || value >= limit || value <= -limit)
      return fail(pc, Fault::decimal, at_);
    columns_->at(step.column).add_value(value);
    at_ += size;
    return true;
  }

  template <class T>
  bool take_time(uint32_t pc, const Step& step, int64_t day) {
    const uint8_t* const where = at_;
    int64_t value = 0;
    if (!read(value)) return fail(pc, Fault::cut, where);
    if (value < 0 || value >= day) return fail(pc, Fault::time, where, value);
    columns_->at(step.column).add_value(static_cast<T>(value));
    return true;
  }

  bool take_scaled(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t value = 0;
    if (!read(value)) return fail(pc, Fault::cut, where);
    int64_t scaled = 0;
    if (__builtin_mul_overflow(value, static_cast<int64_t>(step.extra), &scaled))
      return fail(pc, Fault::overflow, where, value);
    columns_->at(step.column).add_value(scaled);
    return true;
  }

  bool take_uuid_text(uint32_t pc, const Step& step) {
    int64_t size = 0;
    if (!take_length(pc, size)) return false;
    uint8_t bytes[16];
    if (!uuid_from_text({reinterpret_cast<const char*>(at_), static_cast<size_t>(size)}, bytes))
      return fail(pc, Fault::uuid, at_);
    std::memcpy(columns_->at(step.column).add(16), bytes, 16);
    at_ += size;
    return true;
  }

  bool take_uuid_fixed(uint32_t pc, const Step& step) {
    if (left() < 16) return fail(pc, Fault::cut, at_);
    std::memcpy(columns_->at(step.column).add(16), at_, 16);
    at_ += 16;
    return true;
  }

  bool pass(uint32_t pc, int64_t bytes) {
    if (left() < bytes) return fail(pc, Fault::cut, at_);
    at_ += bytes;
    return true;
  }

  /// Blocks of items, each with its count, until a count of 0. One below 0 is followed by the block's size in bytes.
  template <class Each>
  bool blocks(uint32_t pc, const Each& each) {
    while (true) {
      const uint8_t* const where = at_;
      int64_t count = 0;
      if (!read(count)) return fail(pc, Fault::cut, where);
      if (count == 0) return true;
      int64_t size = -1;
      if (count < 0) {
        if (count == std::numeric_limits<int64_t>::min()) return fail(pc, Fault::items, where, count);
        count = -count;
        if (!read(size)) return fail(pc, Fault::cut, where);
        if (size < 0) return fail(pc, Fault::negative, where, size);
        if (size > left()) return fail(pc, Fault::length, at_, size);
      }
      const uint32_t least = program_.least_bytes[pc];
      if (count > (least > 0 ? left() / least : empty_items_max)) return fail(pc, Fault::items, at_, count);
      if (!each(count, size)) return false;
    }
  }

  bool take_items(uint32_t pc, const Step& step) {
    const uint32_t child = columns_->layout().columns[step.column].children.back();
    int64_t empty = 0;
    const bool read_all = blocks(pc, [&](int64_t count, int64_t size) {
      const uint8_t* const begin = at_;
      empty += program_.least_bytes[pc] == 0 ? count : 0;
      if (empty > empty_items_max) return fail(pc, Fault::items, at_, empty);
      if (count > items_max - columns_->at(child).length()) return fail(pc, Fault::full, at_);
      for (; count > 0; --count) {
        if (!run(pc + 1, step.next)) return false;
      }
      return size < 0 || at_ == begin + size || fail(pc, Fault::block, begin, size);
    });
    if (read_all) columns_->at(step.column).add_end(columns_->at(child).length());
    return read_all;
  }

  bool skip_items(uint32_t pc, const Step& step) {
    return blocks(pc, [&](int64_t count, int64_t size) {
      if (size >= 0) return pass(pc, size);
      if (pc + 1 == step.next) return true;
      for (; count > 0; --count) {
        if (!run(pc + 1, step.next)) return false;
      }
      return true;
    });
  }

  bool take_choice(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t branch = 0;
    if (!read(branch)) return fail(pc, Fault::cut, where);
    const auto& ranges = program_.branches[step.extra];
    if (branch < 0 || branch >= static_cast<int64_t>(ranges.size())) return fail(pc, Fault::branch, where, branch);
    const Program::Range& range = ranges[static_cast<size_t>(branch)];
    return run(range.begin, range.end);
  }

  /// Steps that read a default from bytes of the program's own.
  bool take_preset(uint32_t pc, const Step& step) {
    const std::string& datum = program_.defaults[step.extra];
    const uint8_t *const begin = begin_, *const at = at_, *const end = end_;
    begin_ = at_ = reinterpret_cast<const uint8_t*>(datum.data());
    end_ = at_ + datum.size();
    const bool taken = run(pc + 1, step.next);
    begin_ = begin;
    at_ = at;
    end_ = end;
    if (!taken) failed_at_ = at;  // a column that is full
    return taken;
  }

  /// Reads the branch of a union of null and one other type. Null was added, or the value follows, or it failed.
  enum class Branch { null, value, failed };
  Branch take_branch(uint32_t pc, const Step& step) {
    const uint8_t* const where = at_;
    int64_t branch = 0;
    if (!read(branch)) {
      fail(pc, Fault::cut, where);
      return Branch::failed;
    }
    if (branch == step.null_branch) {
      columns_->add_null(step.column);
      return Branch::null;
    }
    if (branch == 1 - step.null_branch) return Branch::value;
    fail(pc, Fault::branch, where, branch);
    return Branch::failed;
  }

  bool run(uint32_t pc, uint32_t end);
  bool step_at(uint32_t pc, const Step& step);

  const Program& program_;
  ColumnSet* columns_;
  const uint8_t *begin_, *at_, *end_;
  uint32_t failed_ = 0;
  const uint8_t* failed_at_ = nullptr;
  Fault fault_ = Fault::none;
  int64_t value_ = 0;
};

bool Run::run(uint32_t pc, uint32_t end) {
  while (pc < end) {
    const Step& step = program_.steps[pc];
    if (step.null_branch >= 0) {
      const Branch branch = take_branch(pc, step);
      if (branch == Branch::failed) return false;
      if (branch == Branch::null) {
        pc = step.next;
        continue;
      }
    }
    if (step.op == Op::structure) {  // its fields follow
      columns_->at(step.column).add_structure();
      ++pc;
      continue;
    }
    if (!step_at(pc, step)) return false;
    pc = step.next;
  }
  return true;
}

inline bool Run::step_at(uint32_t pc, const Step& step) {
  switch (step.op) {
    case Op::null_only:
      columns_->add_null(step.column);
      return true;
    case Op::boolean:
      return take_boolean(pc, step);
    case Op::int_as_int:
      return take_int<int32_t>(pc, step);
    case Op::int_as_long:
      return take_int<int64_t>(pc, step);
    case Op::int_as_float:
      return take_int<float>(pc, step);
    case Op::int_as_double:
      return take_int<double>(pc, step);
    case Op::long_as_long:
      return take_long<int64_t>(pc, step);
    case Op::long_as_float:
      return take_long<float>(pc, step);
    case Op::long_as_double:
      return take_long<double>(pc, step);
    case Op::float_as_float:
      return take_raw<float, float>(pc, step);
    case Op::float_as_double:
      return take_raw<float, double>(pc, step);
    case Op::double_as_double:
      return take_raw<double, double>(pc, step);
    case Op::text:
      return take_sized(pc, step, true);
    case Op::bytes:
      return take_sized(pc, step, false);
    case Op::fixed:
      return take_fixed(pc, step);
    case Op::symbol:
      return take_symbol(pc, step);
    case Op::decimal: {
      int64_t size = 0;
      return take_length(pc, size) && take_decimal(pc, step, size);
    }
    case Op::decimal_fixed:
      if (left() < step.extra) return fail(pc, Fault::cut, at_);
      return take_decimal(pc, step, step.extra);
    case Op::time_millis:
      return take_time<int32_t>(pc, step, day_ms);
    case Op::time_micros:
      return take_time<int64_t>(pc, step, day_us);
    case Op::scaled_long:
      return take_scaled(pc, step);
    case Op::uuid_text:
      return take_uuid_text(pc, step);
    case Op::uuid_fixed:
      return take_uuid_fixed(pc, step);
    case Op::list:
    case Op::map:
      return take_items(pc, step);
    case Op::preset:
      return take_preset(pc, step);
    case Op::choice:
      return take_choice(pc, step);
    case Op::refuse:
      return fail(pc, Fault::refused, at_, step.extra);
    case Op::skip_long: {
      int64_t value = 0;
      return read(value) || fail(pc, Fault::cut, at_);
    }
    case Op::skip_fixed:
      return pass(pc, step.extra);
    case Op::skip_sized: {
      int64_t size = 0;
      return take_length(pc, size) && pass(pc, size);
    }
    case Op::skip_items:
      return skip_items(pc, step);
    case Op::structure:
      break;
  }
  return true;
}

}  // namespace

DatumDecoder::DatumDecoder(std::shared_ptr<const Layout> layout)
    : columns_(std::make_unique<ColumnSet>(std::move(layout))) {
  InitializeUTF8();
}
DatumDecoder::~DatumDecoder() = default;

std::optional<size_t> DatumDecoder::add(const Program& program, Bytes bytes) {
  Run run(program, columns_.get(), bytes);
  if (run.row()) {
    ++rows_;
    return run.taken();
  }
  columns_->truncate(rows_);
  refusal_ = run.refusal();
  return std::nullopt;
}

void DatumDecoder::truncate(int64_t rows) {
  columns_->truncate(rows);
  rows_ = rows;
}

size_t DatumDecoder::memory() const { return columns_->memory(); }

Rows DatumDecoder::finish() {
  Rows rows = columns_->finish(rows_);
  rows_ = 0;
  return rows;
}

std::optional<size_t> datum_size(const Program& program, Bytes bytes) {
  Run run(program, nullptr, bytes);
  return run.skip() ? std::optional(run.taken()) : std::nullopt;
}

}  // namespace trommel::avro
