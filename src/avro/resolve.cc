#include <fmt/format.h>

#include <algorithm>

#include "avro/program.h"

namespace trommel::avro {

namespace {

bool is_timestamp(Logical logical) {
  return logical >= Logical::timestamp_millis && logical <= Logical::local_timestamp_nanos;
}
bool is_local(Logical logical) { return logical >= Logical::local_timestamp_millis; }

/// Digits behind the second of a timestamp.
int digits(Logical logical) {
  switch (logical) {
    case Logical::timestamp_millis:
    case Logical::local_timestamp_millis:
      return 3;
    case Logical::timestamp_micros:
    case Logical::local_timestamp_micros:
      return 6;
    default:
      return 9;
  }
}

/// The fewest bytes that any value takes.
uint32_t least_bytes(const SchemaNode& node) {
  uint64_t bytes = 1;
  switch (node.kind) {
    case Kind::null:
      return 0;
    case Kind::float32:
      return 4;
    case Kind::float64:
      return 8;
    case Kind::fixed:
      return static_cast<uint32_t>(node.size);
    case Kind::record:
      bytes = 0;
      for (const SchemaField& field : node.fields) bytes += least_bytes(*field.type);
      return static_cast<uint32_t>(std::min<uint64_t>(bytes, 1 << 30));
    default:
      return 1;  // a length, a number, a branch
  }
}

/// Whether a value of the writer's type may become one of the reader's, as far as the outermost types tell.
bool kinds_match(const SchemaNode& writer, const SchemaNode& reader) {
  if (writer.kind == reader.kind) return true;
  switch (writer.kind) {
    case Kind::int32:
      return reader.kind == Kind::int64 || reader.kind == Kind::float32 || reader.kind == Kind::float64;
    case Kind::int64:
      return reader.kind == Kind::float32 || reader.kind == Kind::float64;
    case Kind::float32:
      return reader.kind == Kind::float64;
    case Kind::text:
      return reader.kind == Kind::bytes;
    case Kind::bytes:
      return reader.kind == Kind::text || (writer.logical == Logical::decimal && reader.logical == Logical::decimal);
    case Kind::fixed:
      return writer.logical == Logical::decimal && reader.logical == Logical::decimal;
    default:
      return false;
  }
}

bool names_match(const SchemaNode& writer, const SchemaNode& reader) {
  if (!reader.is_named() || short_name(writer.name) == short_name(reader.name)) return true;
  return std::find(reader.aliases.begin(), reader.aliases.end(), writer.name) != reader.aliases.end();
}

class Resolver {
 public:
  explicit Resolver(std::shared_ptr<const Layout> layout) { program_.layout = std::move(layout); }

  Result<std::shared_ptr<const Program>> resolve(const SchemaPtr& writer) {
    const Layout& layout = *program_.layout;
    const SchemaPtr& reader = layout.reader;
    // The columns of a record are the rows' own: they are in no struct.
    if (reader->kind == Kind::record) {
      record_as_row(writer, *reader);
    } else {
      value(writer, reader, layout.top[0], "");
    }
    program_.row = {0, here()};
    skip(*writer, "");
    program_.skip = {program_.row.end, here()};
    if (!mismatches_.empty()) {
      std::string all;
      for (const std::string& mismatch : mismatches_) all += (all.empty() ? "" : "; ") + mismatch;
      return config_error("Avro", "data of the writer's schema cannot be read as the reader's: " + all,
                          "a field that the writer lacks needs a default");
    }
    return std::make_shared<const Program>(std::move(program_));
  }

 private:
  uint32_t here() const { return static_cast<uint32_t>(program_.steps.size()); }

  /// `path` of the column, and what the writer has there.
  uint32_t emit(Op op, uint32_t column, const std::string& path, const SchemaNode& writer, uint32_t extra = 0) {
    Step step;
    step.op = op;
    step.column = column;
    step.extra = extra;
    step.nullable = op < Op::preset && program_.layout->columns[column].nullable;
    program_.steps.push_back(step);
    program_.labels.push_back({path, type_text(writer)});
    program_.least_bytes.push_back(0);
    program_.steps.back().next = here();
    return here() - 1;
  }
  void close(uint32_t step) { program_.steps[step].next = here(); }

  bool mismatch(const std::string& path, const std::string& what) {
    mismatches_.push_back(path.empty() ? what : fmt::format("`{}`: {}", path, what));
    return false;
  }

  bool mismatch(const std::string& path, const SchemaNode& writer, const SchemaNode& reader) {
    return mismatch(path, fmt::format("{} is no {}", type_text(writer), type_text(reader)));
  }

  static std::string below(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }

  void record_as_row(const SchemaPtr& writer, const SchemaNode& reader) {
    if (writer->kind == Kind::record) {
      fields(*writer, reader, program_.layout->top, "");
      return;
    }
    const Choice choice = choice_of(writer);
    const bool only =
        choice.branches.size() == 1 && choice.branches[0]->kind == Kind::record && writer->kind == Kind::one_of;
    if (!only) {
      mismatch("", *writer, reader);
      return;
    }
    // A union around the whole: whoever wrote it meant the record.
    const uint32_t step = emit(Op::choice, 0, "", *writer, static_cast<uint32_t>(program_.branches.size()));
    const size_t table = program_.branches.size();
    program_.branches.emplace_back();
    std::vector<Program::Range> ranges;
    for (const SchemaPtr& branch : writer->branches) {
      const uint32_t begin = here();
      if (branch->kind == Kind::record) {
        fields(*branch, reader, program_.layout->top, "");
      } else {
        refuse("", *writer, "null in place of a row");
      }
      ranges.push_back({begin, here()});
    }
    program_.branches[table] = std::move(ranges);
    close(step);
  }

  void refuse(const std::string& path, const SchemaNode& writer, std::string reason) {
    emit(Op::refuse, 0, path, writer, static_cast<uint32_t>(program_.reasons.size()));
    program_.reasons.push_back(std::move(reason));
  }

  bool value(const SchemaPtr& writer, const SchemaPtr& reader, uint32_t column, const std::string& path) {
    return writer->kind == Kind::one_of ? from_union(*writer, reader, column, path)
                                        : from_branch(writer, reader, column, path);
  }

  bool from_union(const SchemaNode& writer, const SchemaPtr& reader, uint32_t column, const std::string& path) {
    const std::vector<SchemaPtr>& branches = writer.branches;
    const auto is_null = [](const SchemaPtr& branch) { return branch->kind == Kind::null; };
    const auto null = std::find_if(branches.begin(), branches.end(), is_null);
    if (branches.size() == 2 && null != branches.end() && program_.layout->columns[column].nullable) {
      const uint32_t step = here();
      if (!from_branch(branches[null == branches.begin() ? 1 : 0], reader, column, path)) return false;
      program_.steps[step].null_branch = static_cast<int8_t>(null - branches.begin());
      return true;
    }
    const size_t table = program_.branches.size();
    program_.branches.emplace_back();
    const uint32_t step = emit(Op::choice, column, path, writer, static_cast<uint32_t>(table));
    const size_t mismatches_before = mismatches_.size();
    std::vector<Program::Range> ranges;
    bool any = false;
    for (const SchemaPtr& branch : branches) {
      const uint32_t begin = here();
      if (from_branch(branch, reader, column, path)) {
        any = true;
      } else {
        // Only a value that takes this branch is lost, when one comes.
        drop_steps(begin);
        refuse(path, writer, fmt::format("{}, which {} cannot hold", type_text(*branch), type_text(*reader)));
      }
      ranges.push_back({begin, here()});
    }
    program_.branches[table] = std::move(ranges);
    close(step);
    mismatches_.resize(mismatches_before);
    return any || mismatch(path, writer, *reader);
  }

  void drop_steps(uint32_t from) {
    program_.steps.resize(from);
    program_.labels.resize(from);
    program_.least_bytes.resize(from);
  }

  /// The writer has no union here; the reader may.
  bool from_branch(const SchemaPtr& writer, const SchemaPtr& reader, uint32_t column, const std::string& path) {
    const Choice choice = choice_of(reader);
    if (writer->kind == Kind::null) {
      if (!choice.nullable) return mismatch(path, *writer, *reader);
      emit(Op::null_only, column, path, *writer);
      return true;
    }
    if (choice.branches.empty()) return mismatch(path, *writer, *reader);
    if (choice.branches.size() == 1) return plain(*writer, *choice.branches[0], column, path);
    if (const SchemaPtr number = widest_number(choice)) return plain(*writer, *number, column, path);
    const int chosen = branch_for(*writer, choice);
    if (chosen < 0) return mismatch(path, *writer, *reader);
    const uint32_t step = emit(Op::structure, column, path, *writer);
    const std::vector<uint32_t> children = program_.layout->columns[column].children;
    const std::vector<std::string> names = branch_names(choice);
    for (size_t i = 0; i < children.size(); ++i) {
      if (static_cast<int>(i) != chosen) {
        emit(Op::null_only, children[i], path, *writer);
      } else if (!plain(*writer, *choice.branches[i], children[i], below(path, names[i]))) {
        return false;
      }
    }
    close(step);
    return true;
  }

  static int branch_for(const SchemaNode& writer, const Choice& choice) {
    const auto first = [&](const auto& fits) {
      const auto found = std::find_if(choice.branches.begin(), choice.branches.end(),
                                      [&](const SchemaPtr& branch) { return fits(*branch); });
      return found == choice.branches.end() ? -1 : static_cast<int>(found - choice.branches.begin());
    };
    int chosen =
        first([&](const SchemaNode& branch) { return branch.kind == writer.kind && names_match(writer, branch); });
    if (chosen < 0) chosen = first([&](const SchemaNode& branch) { return branch.kind == writer.kind; });
    if (chosen < 0) chosen = first([&](const SchemaNode& branch) { return kinds_match(writer, branch); });
    return chosen;
  }

  /// Neither is a union.
  bool plain(const SchemaNode& writer, const SchemaNode& reader, uint32_t column, const std::string& path) {
    if (!kinds_match(writer, reader)) return mismatch(path, writer, reader);
    if (reader.logical != Logical::none || writer.logical != Logical::none) {
      if (reader.logical != Logical::none) return logical(writer, reader, column, path);
      // What is read as the bare number or text keeps its bytes: no meaning is lost that was asked for.
    }
    switch (writer.kind) {
      case Kind::boolean:
        emit(Op::boolean, column, path, writer);
        return true;
      case Kind::int32:
      case Kind::int64:
      case Kind::float32:
      case Kind::float64:
        emit(number_op(writer.kind, reader.kind), column, path, writer);
        return true;
      case Kind::text:
      case Kind::bytes:
        emit(reader.kind == Kind::text ? Op::text : Op::bytes, column, path, writer);
        return true;
      case Kind::fixed:
        if (writer.size != reader.size) return mismatch(path, writer, reader);
        emit(Op::fixed, column, path, writer, static_cast<uint32_t>(writer.size));
        return true;
      case Kind::enumeration:
        return symbols(writer, reader, column, path);
      case Kind::array:
      case Kind::map:
        return items(writer, reader, column, path);
      case Kind::record: {
        const uint32_t step = emit(Op::structure, column, path, writer);
        const std::vector<uint32_t> children = program_.layout->columns[column].children;
        if (!fields(writer, reader, children, path)) return false;
        close(step);
        return true;
      }
      case Kind::null:
      case Kind::one_of:
        break;
    }
    return mismatch(path, writer, reader);
  }

  static Op number_op(Kind writer, Kind reader) {
    switch (reader) {
      case Kind::int32:
        return Op::int_as_int;
      case Kind::int64:
        return writer == Kind::int32 ? Op::int_as_long : Op::long_as_long;
      case Kind::float32:
        return writer == Kind::int32   ? Op::int_as_float
               : writer == Kind::int64 ? Op::long_as_float
                                       : Op::float_as_float;
      default:
        return writer == Kind::int32     ? Op::int_as_double
               : writer == Kind::int64   ? Op::long_as_double
               : writer == Kind::float32 ? Op::float_as_double
                                         : Op::double_as_double;
    }
  }

  /// The reader's column means more than a number or bytes.
  bool logical(const SchemaNode& writer, const SchemaNode& reader, uint32_t column, const std::string& path) {
    const bool same = writer.logical == reader.logical || writer.logical == Logical::none;
    switch (reader.logical) {
      case Logical::decimal:
        return decimal(writer, reader, column, path);
      case Logical::uuid:
        if (!same || writer.kind != reader.kind) return mismatch(path, writer, reader);
        if (writer.kind == Kind::fixed && writer.size != 16) return mismatch(path, writer, reader);
        emit(writer.kind == Kind::fixed ? Op::uuid_fixed : Op::uuid_text, column, path, writer);
        return true;
      case Logical::date:
      case Logical::time_millis:
        if (!same) return mismatch(path, writer, reader);
        emit(reader.logical == Logical::date ? Op::int_as_int : Op::time_millis, column, path, writer);
        return true;
      case Logical::time_micros:
        if (!same) return mismatch(path, writer, reader);
        emit(Op::time_micros, column, path, writer);
        return true;
      default:
        break;
    }
    if (same) {
      emit(writer.kind == Kind::int32 ? Op::int_as_long : Op::long_as_long, column, path, writer);
      return true;
    }
    const bool finer = is_timestamp(writer.logical) && is_local(writer.logical) == is_local(reader.logical) &&
                       digits(writer.logical) < digits(reader.logical);
    if (!finer) return mismatch(path, writer, reader);
    emit(Op::scaled_long, column, path, writer,
         digits(reader.logical) - digits(writer.logical) == 3 ? 1'000 : 1'000'000);
    return true;
  }

  bool decimal(const SchemaNode& writer, const SchemaNode& reader, uint32_t column, const std::string& path) {
    if (writer.logical == Logical::decimal) {
      const bool holds = writer.scale == reader.scale && writer.precision <= reader.precision;
      if (!holds) return mismatch(path, writer, reader);
    } else if (writer.logical != Logical::none || writer.kind == Kind::text ||
               (writer.kind == Kind::fixed && writer.size != reader.size)) {
      return mismatch(path, writer, reader);
    }
    if (writer.kind == Kind::fixed) {
      emit(Op::decimal_fixed, column, path, writer, static_cast<uint32_t>(writer.size));
    } else {
      emit(Op::decimal, column, path, writer);
    }
    return true;
  }

  bool symbols(const SchemaNode& writer, const SchemaNode& reader, uint32_t column, const std::string& path) {
    std::vector<std::string> table;
    bool any = writer.symbols.empty();
    for (const std::string& symbol : writer.symbols) {
      const bool known = std::find(reader.symbols.begin(), reader.symbols.end(), symbol) != reader.symbols.end();
      table.push_back(known ? symbol : reader.other_symbol.value_or(""));
      any |= !table.back().empty();
    }
    if (!any) return mismatch(path, "the enums have no symbol in common");
    emit(Op::symbol, column, path, writer, static_cast<uint32_t>(program_.symbols.size()));
    program_.symbols.push_back(std::move(table));
    return true;
  }

  bool items(const SchemaNode& writer, const SchemaNode& reader, uint32_t column, const std::string& path) {
    const bool map = writer.kind == Kind::map;
    const uint32_t step = emit(map ? Op::map : Op::list, column, path, writer);
    const std::vector<uint32_t> children = program_.layout->columns[column].children;
    program_.least_bytes[step] = least_bytes(*writer.items) + (map ? 1 : 0);
    if (map) {
      SchemaNode key;
      key.kind = Kind::text;
      emit(Op::text, children[0], below(path, "key"), key);
    }
    if (!value(writer.items, reader.items, children.back(), path + "[]")) return false;
    close(step);
    return true;
  }

  /// In the writer's order, as the bytes come; what the reader has beside them, in its own.
  bool fields(const SchemaNode& writer, const SchemaNode& reader, const std::vector<uint32_t>& columns,
              const std::string& path) {
    std::vector<bool> filled(reader.fields.size());
    bool matched = true;
    for (const SchemaField& field : writer.fields) {
      const int place = field_for(field, writer, reader, filled);
      if (place < 0) {
        skip(*field.type, below(path, field.name));
        continue;
      }
      filled[static_cast<size_t>(place)] = true;
      const SchemaField& target = reader.fields[static_cast<size_t>(place)];
      matched &= value(field.type, target.type, columns[static_cast<size_t>(place)], below(path, target.name));
    }
    for (size_t i = 0; i < filled.size(); ++i) {
      if (filled[i]) continue;
      const SchemaField& field = reader.fields[i];
      if (!field.default_datum) {
        matched = mismatch(below(path, field.name), "the writer has no such field, and it has no default");
        continue;
      }
      const uint32_t step = emit(Op::preset, columns[i], below(path, field.name), *field.type,
                                 static_cast<uint32_t>(program_.defaults.size()));
      program_.defaults.push_back(*field.default_datum);
      matched &= value(field.type, field.type, columns[i], below(path, field.name));
      close(step);
    }
    return matched;
  }

  /// The reader's field of that name, or the one that went by it, where the writer has none of its present name.
  static int field_for(const SchemaField& field, const SchemaNode& writer, const SchemaNode& reader,
                       const std::vector<bool>& filled) {
    const auto has = [](const SchemaNode& record, const std::string& name) {
      return std::any_of(record.fields.begin(), record.fields.end(),
                         [&](const SchemaField& one) { return one.name == name; });
    };
    for (size_t i = 0; i < reader.fields.size(); ++i) {
      const SchemaField& one = reader.fields[i];
      if (one.name == field.name) return static_cast<int>(i);
      const bool alias = std::find(one.aliases.begin(), one.aliases.end(), field.name) != one.aliases.end();
      if (alias && !filled[i] && !has(reader, field.name) && !has(writer, one.name)) return static_cast<int>(i);
    }
    return -1;
  }

  void skip(const SchemaNode& writer, const std::string& path) {
    switch (writer.kind) {
      case Kind::null:
        return;
      case Kind::boolean:
        emit(Op::skip_fixed, 0, path, writer, 1);
        return;
      case Kind::float32:
        emit(Op::skip_fixed, 0, path, writer, 4);
        return;
      case Kind::float64:
        emit(Op::skip_fixed, 0, path, writer, 8);
        return;
      case Kind::fixed:
        emit(Op::skip_fixed, 0, path, writer, static_cast<uint32_t>(writer.size));
        return;
      case Kind::int32:
      case Kind::int64:
      case Kind::enumeration:
        emit(Op::skip_long, 0, path, writer);
        return;
      case Kind::text:
      case Kind::bytes:
        emit(Op::skip_sized, 0, path, writer);
        return;
      case Kind::record:
        for (const SchemaField& field : writer.fields) skip(*field.type, below(path, field.name));
        return;
      case Kind::array:
      case Kind::map: {
        const uint32_t step = emit(Op::skip_items, 0, path, writer);
        program_.least_bytes[step] = least_bytes(*writer.items) + (writer.kind == Kind::map ? 1 : 0);
        if (writer.kind == Kind::map) emit(Op::skip_sized, 0, below(path, "key"), writer);
        skip(*writer.items, path + "[]");
        close(step);
        return;
      }
      case Kind::one_of: {
        const size_t table = program_.branches.size();
        program_.branches.emplace_back();
        const uint32_t step = emit(Op::choice, 0, path, writer, static_cast<uint32_t>(table));
        std::vector<Program::Range> ranges;
        for (const SchemaPtr& branch : writer.branches) {
          const uint32_t begin = here();
          skip(*branch, path);
          ranges.push_back({begin, here()});
        }
        program_.branches[table] = std::move(ranges);
        close(step);
        return;
      }
    }
  }

  Program program_;
  std::vector<std::string> mismatches_;
};

}  // namespace

Result<std::shared_ptr<const Program>> resolve(const SchemaPtr& writer, std::shared_ptr<const Layout> reader) {
  return Resolver(std::move(reader)).resolve(writer);
}

}  // namespace trommel::avro
