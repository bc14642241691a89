// Structural scan, 64 bytes at a step: bit masks of delimiters, line ends and quotes; which bytes lie within quotes by
// a running parity (the idea is that of Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019). A step
// where the parity cannot be trusted (a quote that neither opens nor closes a field) goes back to the start of its
// record, which scan_record then reads byte by byte.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codecs/csv/scan.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#include <bit>
#include <cstring>

#include "codecs/csv/dialect.h"

#ifndef TROMMEL_CSV_SCAN_ONCE
#define TROMMEL_CSV_SCAN_ONCE
namespace trommel::csv {

/// Collects an Index. `rows` always ends with the record that is being read.
struct IndexWriter {
  Index& index;
  bool collects() const { return true; }
  void begin(size_t size) {
    if (index.capacity_ < size + 2 * kPadding) {
      index.capacity_ = size + 2 * kPadding;
      index.ends.reset(new uint32_t[index.capacity_]);
    }
    index.end_count = 0;
    index.rows.clear();
    index.broken.clear();
    index.escapes = false;
    index.rows.push_back({0, 0});
  }
  size_t record() const { return index.rows.back().start; }
  void field_ends(size_t base, uint64_t bits) {
    uint32_t* out = index.ends.get() + index.end_count;
    index.end_count += static_cast<size_t>(std::popcount(bits));
    // Eight at a time: what is written too many is overwritten by the next.
    while (bits != 0) {
      for (int i = 0; i < 8; ++i) {
        out[i] = static_cast<uint32_t>(base) + static_cast<uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
      out += 8;
    }
  }
  void row_ends(size_t at, size_t ends) {
    index.rows.push_back({static_cast<uint32_t>(at + 1), static_cast<uint32_t>(ends)});
  }
  size_t ends_so_far() const { return index.end_count; }
  void escapes() { index.escapes = true; }
  /// Forgets what was found of the record being read, and takes it as scan_record saw it. False: stop here.
  bool careful(const Record& record, const std::vector<uint32_t>& ends) {
    index.end_count = index.rows.back().first;
    if (record.ending != Ending::line) {
      index.broken.push_back(
          {static_cast<uint32_t>(index.row_count()), record.ending, static_cast<uint32_t>(record.end)});
    }
    std::copy(ends.begin(), ends.end(), index.ends.get() + index.end_count);
    index.end_count += ends.size();
    index.escapes = true;
    index.rows.push_back({static_cast<uint32_t>(record.next), static_cast<uint32_t>(index.end_count)});
    return true;
  }
};

/// Remembers nothing but the last border that is early enough.
struct CutWriter {
  size_t wanted;
  Cut cut{};
  size_t start = 0;
  bool done = false;
  void begin(size_t) {}
  size_t record() const { return start; }
  void field_ends(size_t, uint64_t) {}
  void row_ends(size_t at, size_t) { reached(at + 1); }
  void reached(size_t border) {
    if (border <= wanted || cut.border == 0) cut.border = border;
    if (border >= wanted) done = true;
    start = border;
  }
  size_t ends_so_far() const { return 0; }
  void escapes() {}
  bool careful(const Record& record, const std::vector<uint32_t>&) {
    if (record.ending == Ending::more || record.ending == Ending::too_long) {
      cut.ending = record.ending;
      return false;
    }
    reached(record.next);
    return !done;
  }
};

}  // namespace trommel::csv
#endif  // TROMMEL_CSV_SCAN_ONCE

HWY_BEFORE_NAMESPACE();
namespace trommel::csv {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Lane = hn::CappedTag<uint8_t, 64>;

/// 64 bytes in registers, compared with one byte at a time.
struct Step {
  static constexpr size_t kParts = 64 / hn::MaxLanes(Lane{});
  const uint8_t* at;

  uint64_t equal(char byte) const {
    const Lane lane;
    const auto wanted = hn::Set(lane, static_cast<uint8_t>(byte));
    uint64_t bits = 0;
    for (size_t part = 0; part < kParts; ++part) {
      uint64_t some = 0;
      hn::StoreMaskBits(lane, hn::Eq(hn::LoadU(lane, at + part * (64 / kParts)), wanted),
                        reinterpret_cast<uint8_t*>(&some));
      if constexpr (kParts == 1) return some;
      bits |= some << (part * (64 / kParts));
    }
    return bits;
  }
};

/// Bit i of the result: the parity of bits 0..i.
HWY_INLINE uint64_t running_parity(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  bits ^= bits << 32;
  return bits;
}

/// Bytes that stand behind an odd run of escapes. `carry`: the byte before these is such an escape.
HWY_INLINE uint64_t escaped_bytes(uint64_t escapes, uint64_t& carry) {
  if (escapes == 0) {
    const uint64_t first = carry;
    carry = 0;
    return first;
  }
  uint64_t escaped = 0;
  bool pending = carry != 0;
  for (int i = 0; i < 64; ++i) {
    if (pending) {
      escaped |= uint64_t{1} << i;
      pending = false;
    } else if (((escapes >> i) & 1) != 0) {
      pending = true;
    }
  }
  carry = pending ? 1 : 0;
  return escaped;
}

/// What one step hands to the next.
struct Carry {
  uint64_t inside = 0;    ///< all ones within quotes
  uint64_t may_open = 1;  ///< the byte before ended a field or a record
  uint64_t closed = 0;    ///< the byte before was a closing quote
  uint64_t escape = 0;
};

template <class Writer>
HWY_INLINE void walk(const char* data, size_t size, bool last, const Dialect& dialect, Writer& writer) {
  const auto max_row = static_cast<size_t>(dialect.max_row);
  std::vector<uint32_t> ends;
  Carry carry;
  size_t at = 0;
  writer.begin(size);
  const auto careful = [&] {
    ends.clear();
    const Record record = scan_record(data, size, writer.record(), last, dialect, &ends);
    if (!writer.careful(record, ends)) return false;
    at = record.next;
    carry = {};
    return true;
  };
  while (at < size) {
    const Step step{reinterpret_cast<const uint8_t*>(data) + at};
    const uint64_t valid = size - at >= 64 ? ~uint64_t{0} : (uint64_t{1} << (size - at)) - 1;
    const auto line_feed_behind = [&](uint64_t line_feeds) {
      return (line_feeds >> 1) | (static_cast<uint64_t>(size - at > 64 && data[at + 64] == '\n') << 63);
    };
    const uint64_t delimiters = step.equal(dialect.delimiter) & valid;
    const uint64_t line_feeds = step.equal('\n') & valid;
    uint64_t line_ends = line_feeds;
    if (dialect.lone_cr) {
      uint64_t returns = step.equal('\r') & valid & ~line_feed_behind(line_feeds);
      if (!last && size - at <= 64) returns &= valid >> 1;
      line_ends |= returns;
    }
    uint64_t structure = delimiters | line_ends;
    if (dialect.quote != 0) {
      uint64_t quotes = step.equal(dialect.quote) & valid;
      if (dialect.escape != 0) {
        const uint64_t escapes = step.equal(dialect.escape) & valid;
        if (escapes != 0) writer.escapes();
        quotes &= ~escaped_bytes(escapes, carry.escape);
      }
      if ((quotes | carry.inside | carry.closed) == 0) {
        carry.may_open = structure >> 63;
      } else {
        const uint64_t inside = running_parity(quotes) ^ carry.inside;
        const uint64_t opening = quotes & inside, closing = quotes & ~inside;
        structure &= ~inside;
        line_ends &= ~inside;
        const uint64_t behind_closing = (closing << 1) | carry.closed;
        const uint64_t behind_structure = (structure << 1) | carry.may_open;
        uint64_t astray =
            (opening & ~(behind_structure | behind_closing)) | (behind_closing & ~(structure | quotes) & valid);
        if (astray != 0) astray &= ~(behind_closing & step.equal('\r') & line_feed_behind(line_feeds));
        if (astray != 0) {
          if (!careful()) return;
          continue;
        }
        if ((opening & behind_closing) != 0) writer.escapes();
        carry.inside = static_cast<uint64_t>(static_cast<int64_t>(inside) >> 63);
        carry.may_open = structure >> 63;
        carry.closed = closing >> 63;
      }
    }
    size_t before = writer.ends_so_far();
    writer.field_ends(at, structure);
    bool again = false;
    for (uint64_t bits = line_ends; bits != 0; bits &= bits - 1) {
      const size_t end = at + static_cast<size_t>(std::countr_zero(bits));
      if (end - writer.record() > max_row) {
        again = true;
        break;
      }
      const uint64_t upto = structure & (bits ^ (bits - 1));
      writer.row_ends(end, before + static_cast<size_t>(std::popcount(upto)));
    }
    if constexpr (!requires { writer.index; }) {
      if (writer.done) return;
    }
    if (again) {
      if (!careful()) return;
      continue;
    }
    at += 64;
    // Within a record that is too long already, or a quote that may never close, looking on is scan_record's business.
    if (at < size && at - writer.record() > max_row + 64) {
      if (!careful()) return;
    }
  }
  while (writer.record() < size) {
    if (!careful()) return;
  }
}

void index_block_here(const char* data, size_t size, const Dialect& dialect, IndexWriter& writer) {
  walk(data, size, true, dialect, writer);
}
void cut_block_here(const char* data, size_t size, bool last, const Dialect& dialect, CutWriter& writer) {
  walk(data, size, last, dialect, writer);
}

int64_t count_byte_here(const char* data, size_t size, char byte) {
  int64_t count = 0;
  size_t at = 0;
  for (; at + 64 <= size; at += 64)
    count += std::popcount(Step{reinterpret_cast<const uint8_t*>(data) + at}.equal(byte));
  for (; at < size; ++at) count += data[at] == byte ? 1 : 0;
  return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace trommel::csv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace trommel::csv {

HWY_EXPORT(index_block_here);
HWY_EXPORT(cut_block_here);
HWY_EXPORT(count_byte_here);

void index_block(const char* data, size_t size, const Dialect& dialect, Index& index) {
  IndexWriter writer{index};
  HWY_DYNAMIC_DISPATCH(index_block_here)(data, size, dialect, writer);
}

Cut cut_block(const char* data, size_t size, size_t wanted, bool last, const Dialect& dialect) {
  CutWriter writer{wanted};
  HWY_DYNAMIC_DISPATCH(cut_block_here)(data, size, last, dialect, writer);
  return writer.cut;
}

int64_t count_byte(const char* data, size_t size, char byte) {
  return HWY_DYNAMIC_DISPATCH(count_byte_here)(data, size, byte);
}

}  // namespace trommel::csv
#endif  // HWY_ONCE
