// clean: tidies names and values, row by row, a whole column at a time; with `dedupe` it also keeps the first of equal
// rows of a file, which makes it one instance that sees rows in order.
//
// The steps run in this order, whatever the order in the file:
//   names, rename, select, drop, normalize, trim, collapse_spaces, nulls, text, map, split, merge, parse, cast, fill,
//   drop_null_rows, dedupe
// A row with a value that `map`, `parse` or `cast` cannot take is a reject (that code, the first such column); a row
// left out by `drop_null_rows` counts as filtered, one left out by `dedupe` as deduplicated.
#pragma once

#include "component/component.h"

namespace trommel {

TransformKind clean_transform();

}  // namespace trommel
