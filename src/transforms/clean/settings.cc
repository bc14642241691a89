#include "transforms/clean/settings.h"

namespace trommel {

const Spec<MapRule>& MapRule::spec() {
  static const auto spec =
      Spec<MapRule>("map", "Values and what to write for them")
          .field("values", &MapRule::values, "the values; a new value of null is NULL",
                 {.example = "{ f: female, m: male, '?': null }"})
          .field("table", &MapRule::table, "a `tables:` entry that holds them", {.example = "countries"})
          .field("from", &MapRule::from, "the table's column with values as they come", {.example = "written"})
          .field("to", &MapRule::to, "the table's column with values as they should be", {.example = "name"})
          .field("otherwise", &MapRule::otherwise, "what becomes of a value that is not there; NULL stays NULL");
  return spec;
}

const Spec<SplitRule>& SplitRule::spec() {
  static const auto spec =
      Spec<SplitRule>("split", "How a column is cut into several")
          .field("into", &SplitRule::into,
                 "the new columns; parts that are missing are NULL, too many stay in the last",
                 {.example = "[last, first]", .required = true})
          .field("by", &SplitRule::by, "the text between two parts; blanks around a part go", {.example = "','"})
          .field("keep", &SplitRule::keep, "the column itself stays");
  return spec;
}

const Spec<MergeRule>& MergeRule::spec() {
  static const auto spec =
      Spec<MergeRule>("merge", "What a column is made of")
          .field("of", &MergeRule::of, "the columns, in this order; NULLs are left out, and nothing but NULL is NULL",
                 {.example = "[first, last]", .required = true})
          .field("by", &MergeRule::by, "the text between two values", {.example = "' '"})
          .field("keep", &MergeRule::keep, "the columns themselves stay");
  return spec;
}

const Spec<ParseRule>& ParseRule::spec() {
  static const auto spec =
      Spec<ParseRule>("parse", "How a column is written")
          .field(
              "format", &ParseRule::format,
              "of dates and times, as in strptime: %Y %m %d %H %M %S %f %z %b %p and more; of several the first that "
              "fits",
              {.example = "'%d.%m.%Y'"})
          .field("type", &ParseRule::type, "what it becomes; default for formats: date, or timestamp(us)",
                 {.example = "decimal(10,2)"})
          .field("decimal", &ParseRule::decimal, "the sign before the fraction of a number; default: .",
                 {.example = "','"})
          .field("thousands", &ParseRule::thousands, "the sign between groups of three digits; default: none",
                 {.example = "'.'"})
          .field("otherwise", &ParseRule::otherwise,
                 "what becomes of a value that does not fit: its row is a reject, or it is NULL")
          .scalar_is("format");
  return spec;
}

namespace {

constexpr const char* description =
    "The steps run in this order, whatever their order in the file: `names`, `rename`, `select`, `drop`, `normalize`, "
    "`trim`, `collapse_spaces`, `nulls`, `text`, `map`, `split`, `merge`, `parse`, `cast`, `fill`, `drop_null_rows`, "
    "`dedupe`. A column may be called by its name before or after `names` and `rename`.\n\n"
    "A row with a value that `map`, `parse` or `cast` cannot take is a reject of that name; a row left out by "
    "`drop_null_rows` counts as "
    "filtered, one left out by `dedupe` as deduplicated. "
    "Text inside lists, structs and maps is left alone.";

constexpr const char* example =
    "name: students\n"
    "sources:\n"
    "  drops: { files: input/*.csv }\n"
    "transforms:\n"
    "  tidy:\n"
    "    clean: { names: snake_case, trim: true, nulls: [NA, ''], cast: { age: int16 }, drop_null_rows: [name] }\n"
    "sinks:\n"
    "  out: { files: output/students.parquet }\n";

}  // namespace

const Spec<CleanConfig>& clean_spec() {
  static const auto spec =
      Spec<CleanConfig>("clean", "Tidies names, values and columns")
          .description(description)
          .example(example)
          .field("names", &CleanConfig::names,
                 "how column names are written; snake_case keeps letters and digits alone, and each name stays unique",
                 {.example = "snake_case"})
          .field("rename", &CleanConfig::rename, "new names for columns", {.example = "{ dep: departure }"})
          .field("select", &CleanConfig::select, "the columns to keep, in this order", {.example = "[name, age]"})
          .field("drop", &CleanConfig::drop, "columns to leave out", {.example = "[comment]"})
          .field(
              "normalize", &CleanConfig::normalize,
              "all text columns in one Unicode form: nfc composes letters and accents, nfkc also replaces look-alikes "
              "(full-width letters, ligatures)",
              {.example = "nfc"})
          .field("trim", &CleanConfig::trim, "take blanks off both ends of text", {.example = "true"})
          .field("collapse_spaces", &CleanConfig::collapse_spaces,
                 "blanks and line ends inside text become one space, and go at both ends", {.example = "true"})
          .field(
              "nulls", &CleanConfig::nulls,
              "values that mean NULL: texts for all text columns, or a map of column to values (numbers and dates too)",
              {.example = "[NA, 'n/a']"})
          .field("text", &CleanConfig::text, "letters of all text columns in one case", {.example = "lower"})
          .field("map", &CleanConfig::map, "values of text columns to standardise; the others stay",
                 {.example = "{ sex: { f: female, m: male } }",
                  .type = "map of column: map of value: new value, or map with values, table, from, to, otherwise",
                  .inner = &MapRule::spec().info()})
          .field("split", &CleanConfig::split, "text columns to cut into several",
                 {.example = "{ name: { into: [last, first], by: ',' } }"})
          .field("merge", &CleanConfig::merge, "new columns made of several, NULLs left out",
                 {.example = "{ address: { of: [street, city], by: ', ' } }"})
          .field("parse", &CleanConfig::parse,
                 "text columns that hold dates, times or numbers in a way of their own; a value that does not fit is a "
                 "reject",
                 {.example = "{ joined: '%d.%m.%Y', price: { type: 'decimal(10,2)', decimal: ',', thousands: '.' } }"})
          .field("cast", &CleanConfig::cast, "columns to turn into another type; a value that does not fit is a reject",
                 {.example = "{ age: int16 }"})
          .field("fill", &CleanConfig::fill, "values for NULL", {.example = "{ country: unknown }"})
          .field("drop_null_rows", &CleanConfig::drop_null_rows,
                 "leave out rows where any column is NULL, where all are, or where one of these is", {.example = "any"})
          .field("dedupe", &CleanConfig::dedupe,
                 "of rows that are equal once they are tidied keep the first, within each file or the whole input; "
                 "NULL equals NULL. The `dedupe` transform can do more",
                 {.example = "within_file"});
  return spec;
}

}  // namespace trommel
