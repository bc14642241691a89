// How data of one writer become columns of one reader: resolved once into steps that follow the bytes. Specification:
// Apache Avro 1.11.1, "Schema Resolution".
//
// Where the specification lets a reader refuse, it is as generous as it can be without changing a value: names of
// records, enums and fixed choose the branch of a union and are otherwise not compared; a decimal may have more digits
// before its point than the writer's; a coarser timestamp becomes a finer one. A pair whose values would mean something
// else (a date read as a timestamp) is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "avro/layout.h"

namespace trommel::avro {

enum class Op : uint8_t {
  // Values, into `column`. A name says what the writer has, and what of it is kept.
  null_only,
  boolean,
  int_as_int,
  int_as_long,
  int_as_float,
  int_as_double,
  long_as_long,
  long_as_float,
  long_as_double,
  float_as_float,
  float_as_double,
  double_as_double,
  text,
  bytes,
  fixed,   ///< `extra` bytes
  symbol,  ///< `extra`: its table
  decimal,
  decimal_fixed,  ///< of `extra` bytes
  time_millis,
  time_micros,
  scaled_long,  ///< `extra`: times this
  uuid_text,
  uuid_fixed,
  // What holds other steps: those up to `next`.
  structure,
  list,
  map,
  preset,  ///< a default, datum `extra`, for which they are run
  choice,  ///< `extra`: a table of steps by branch
  refuse,  ///< `extra`: a text; the value is never what the reader's schema can hold
  // What the reader does not have.
  skip_long,
  skip_fixed,  ///< `extra` bytes
  skip_sized,
  skip_items,  ///< a list of what follows
};

struct Step {
  Op op = Op::null_only;
  bool nullable = false;    ///< of the column
  int8_t null_branch = -1;  ///< the branch of a union of two, read before the value, that is null; -1: no union
  uint32_t column = 0;
  uint32_t next = 0;
  uint32_t extra = 0;
};

struct Program {
  struct Range {
    uint32_t begin = 0, end = 0;
  };
  /// What a step reads, for errors.
  struct Label {
    std::string column;    ///< `address.street`; of what is skipped, the writer's
    std::string expected;  ///< the writer's type
  };
  std::shared_ptr<const Layout> layout;
  std::vector<Step> steps;
  std::vector<Label> labels;                      ///< one a step
  Range row;                                      ///< reads one datum
  Range skip;                                     ///< passes over one, whatever it holds
  std::vector<std::vector<std::string>> symbols;  ///< of the reader, by the writer's numbers; empty: it has none
  std::vector<std::vector<Range>> branches;
  std::vector<std::string> defaults;
  std::vector<std::string> reasons;
  std::vector<uint32_t> least_bytes;  ///< of an item of a list, by the list's step; 0 for other steps
};

/// The error (`config`) names each place where the schemas do not go together.
Result<std::shared_ptr<const Program>> resolve(const SchemaPtr& writer, std::shared_ptr<const Layout> reader);

}  // namespace trommel::avro
