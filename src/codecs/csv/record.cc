#include <algorithm>
#include <cstring>

#include "codecs/csv/dialect.h"

namespace trommel::csv {

namespace {

/// One record being looked at; `limit` is one past the last byte that may belong to it.
struct Scan {
  const char* data;
  size_t size, start, limit;
  bool last;
  const Dialect& dialect;

  /// A \r as the very last byte of what is there may be half a line end: not one unless nothing follows.
  bool line_end(size_t at) const {
    if (data[at] == '\n') return true;
    if (data[at] != '\r' || !dialect.lone_cr) return false;
    return at + 1 < size ? data[at + 1] != '\n' : last;
  }

  /// From `from` to the first line end, or `to`.
  size_t find_line_end(size_t from, size_t to) const {
    if (!dialect.lone_cr) {
      const void* found = from < to ? std::memchr(data + from, '\n', to - from) : nullptr;
      return found != nullptr ? static_cast<size_t>(static_cast<const char*>(found) - data) : to;
    }
    while (from < to && !line_end(from)) ++from;
    return from;
  }

  /// More bytes might still bring the record to an end. One byte beyond the longest record must be seen: it tells \r\n
  /// from \r.
  bool undecided() const { return !last && limit == size && size - start <= static_cast<size_t>(dialect.max_row) + 1; }

  /// No line end stands before `limit`.
  Record unfinished() const {
    if (last && limit == size) return {Ending::line, size, size};
    if (undecided()) return {Ending::more, size, size};
    const size_t end = last ? find_line_end(limit, size) : limit;
    return {Ending::too_long, end, end < size && last ? end + 1 : end};
  }

  /// The quote at `open` does not close properly; what shows it stands at `seen`.
  Record broken(size_t open, size_t seen) const {
    const size_t end = find_line_end(open + 1, limit);
    if (end == limit) {
      Record record = unfinished();
      if (record.ending == Ending::line) record.ending = seen < limit ? Ending::stray_quote : Ending::open_quote;
      return record;
    }
    return {seen < end ? Ending::stray_quote : Ending::open_quote, end, end + 1};
  }

  /// The byte behind the quote that closes the field opened at `open`; `limit` or beyond if there is none.
  size_t closed(size_t open) const {
    size_t at = open + 1;
    while (at < limit) {
      if (dialect.escape != 0 && data[at] == dialect.escape) {
        at += 2;
      } else if (data[at] != dialect.quote) {
        ++at;
      } else if (at + 1 < limit && data[at + 1] == dialect.quote) {
        at += 2;
      } else {
        return at + 1;
      }
    }
    return limit + 1;
  }
};

}  // namespace

Record scan_record(const char* data, size_t size, size_t start, bool last, const Dialect& dialect,
                   std::vector<uint32_t>* ends) {
  const size_t limit = std::min(size, start + static_cast<size_t>(dialect.max_row) + 1);
  const Scan scan{data, size, start, limit, last, dialect};
  const size_t ends_before = ends != nullptr ? ends->size() : 0;
  const auto refuse = [&](Record record) {
    if (ends != nullptr) ends->resize(ends_before);
    return record;
  };
  const auto field_ends = [&](size_t at) {
    if (ends != nullptr) ends->push_back(static_cast<uint32_t>(at));
  };
  size_t at = start;
  while (true) {
    if (at < limit && dialect.quote != 0 && data[at] == dialect.quote) {
      const size_t open = at;
      at = scan.closed(open);
      const bool ended = last && limit == size;
      if (at > limit || (at == limit && !ended)) {
        // The bytes end within the quotes, or right behind a quote that might be the first of two.
        if (scan.undecided()) return refuse({Ending::more, size, size});
        return refuse(scan.broken(open, limit));
      }
      if (at < limit && data[at] == '\r' && !scan.line_end(at)) {
        if (at + 1 < limit ? data[at + 1] == '\n' : ended)
          ++at;
        else if (at + 1 == limit && scan.undecided())
          return refuse({Ending::more, size, size});
      }
      if (at < limit && data[at] != dialect.delimiter && !scan.line_end(at)) return refuse(scan.broken(open, at));
    } else if (!dialect.lone_cr) {
      while (at < limit && data[at] != dialect.delimiter && data[at] != '\n') ++at;
    } else {
      while (at < limit && data[at] != dialect.delimiter && !scan.line_end(at)) ++at;
    }
    if (at >= limit) {
      const Record record = scan.unfinished();
      if (record.ending != Ending::line) return refuse(record);
      field_ends(size);
      return record;
    }
    field_ends(at);
    if (data[at] != dialect.delimiter) return {Ending::line, at, at + 1};
    ++at;
  }
}

}  // namespace trommel::csv
