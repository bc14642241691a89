// How a CSV file is written, and where its records begin and end. Everything that cuts or decodes asks the functions
// here, so that a reader and its decoders can never disagree about a record.
//
// Grammar: RFC 4180, with these additions.
// - A quote opens a quoted field only as its first byte. Elsewhere in an unquoted field it is text.
// - A closing quote is followed by a delimiter, a line end or the end. Anything else breaks the record.
// - A broken record (that, or a quote never closed within `max_row` bytes) ends at the first line end behind the quote
// that opened; reading goes on there.
// - A line end is \n, with a \r before it if there is one. With `lone_cr`, a \r that no \n follows is one too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace trommel::csv {

struct Dialect {
  char delimiter = ',';
  char quote = '"';  ///< 0: nothing is quoted
  char escape = 0;   ///< usually a backslash: makes the byte behind it text, in quoted fields; 0: only doubled quotes
  bool lone_cr = false;        ///< a \r alone ends a line
  bool pad = false;            ///< rows with too few fields are filled up with NULL
  int64_t max_row = 16 << 20;  ///< bytes of a record, its line end left out
};

enum class Ending : uint8_t {
  line,         ///< a whole record
  stray_quote,  ///< broken: text behind a closing quote, on the line where the quote opened
  open_quote,   ///< broken: the quote does not close properly
  too_long,     ///< no line end within max_row bytes
  more,         ///< the bytes end before the record does (never when they are the last)
};

struct Record {
  Ending ending = Ending::line;
  size_t end = 0;   ///< where its line end stands, or one past its last byte; a \r before the \n counts as content here
  size_t next = 0;  ///< where the next record begins
};

/// Finds the end of the record at `start`. `last`: nothing comes behind `size` that belongs to it. Appends the end of
/// each field to `ends` if that is not null (and takes them back unless the ending is `line`).
Record scan_record(const char* data, size_t size, size_t start, bool last, const Dialect& dialect,
                   std::vector<uint32_t>* ends);

/// The records of a block, found by SIMD; rows that defy it go through scan_record.
struct Index {
  struct Row {
    uint32_t start;  ///< of its first byte
    uint32_t first;  ///< its first entry in `ends`
  };
  struct Broken {
    uint32_t row;  ///< its place in `rows`
    Ending ending;
    uint32_t end;  ///< as Record::end
  };
  std::unique_ptr<uint32_t[]>
      ends;  ///< where each field ends; the fields of a row lie side by side. Uninitialised beyond `end_count`
  size_t end_count = 0;
  std::vector<Row> rows;       ///< one more than there are: the last says where it all ends
  std::vector<Broken> broken;  ///< rising; these rows have no entries in `ends`
  bool escapes = false;        ///< some quoted field holds a doubled or escaped quote

  size_t row_count() const { return rows.empty() ? 0 : rows.size() - 1; }
  size_t fields(size_t row) const { return rows[row + 1].first - rows[row].first; }

 private:
  friend void index_block(const char*, size_t, const Dialect&, Index&);
  friend struct IndexWriter;
  size_t capacity_ = 0;
};

/// Bytes behind a block that may be read (never used): what index_block and the value parsers need.
inline constexpr size_t kPadding = 64;

/// `data` holds whole records (the last may lack its line end) and kPadding readable bytes behind them.
void index_block(const char* data, size_t size, const Dialect& dialect, Index& index);

struct Cut {
  size_t border = 0;             ///< whole records end here; 0: not one is known to be whole
  Ending ending = Ending::more;  ///< why there is none: more (bytes are needed) or too_long
};
/// The last border of records at or before `wanted`; the first one behind it if there is none. Same padding as
/// index_block.
Cut cut_block(const char* data, size_t size, size_t wanted, bool last, const Dialect& dialect);

/// How many bytes of `data` are `byte`.
int64_t count_byte(const char* data, size_t size, char byte);

}  // namespace trommel::csv
