// Many files, one schema: which column of a file is which column of the rows, and which types hold the values of all
// files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/types.h"
#include "config/contract.h"

namespace trommel {

/// The narrowest type that holds every value of both without loss, or text where numbers cannot say it; null when not
/// even text can (a list and a number).
Type wider_type(const Type& a, const Type& b);

/// The columns of one file, by the name that people know it by.
struct FileColumns {
  std::string file;
  Schema schema;
  bool all_as_text = false;  ///< each can be read as text as well, a list or struct too
};

/// How the columns of a file become those of the rows.
struct ColumnMap {
  std::vector<int> from_column;  ///< for each column of the rows: its index in the file, -1 where the file has none
  std::vector<std::string> missing, extra;
  bool reordered = false;
};

/// Names match as they are, or else by `name_key` (case and punctuation aside) where only one is left that does.
ColumnMap match_columns(const arrow::Schema& rows, const arrow::Schema& file);

struct UnifiedColumns {
  Schema rows;
  std::vector<std::string> notes;  ///< columns that some files lack, types that were widened
};

/// Without a contract: types that nothing else holds become text where every file can give it; every column that any
/// file has, in the order in which they come up; a file without columns (an empty one) says nothing.
Result<UnifiedColumns> unify_columns(const std::vector<FileColumns>& files);

/// With a contract: its columns and types, then the files' others where it keeps them. Files that break its policies
/// are a data error that names them and their columns.
Result<UnifiedColumns> unify_columns(const std::vector<FileColumns>& files, const Contract& contract);

}  // namespace trommel
