#include "transforms/clean/clean.h"

#include <arrow/api.h>
#include <arrow/util/key_value_metadata.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "component/promises.h"
#include "config/pipeline.h"
#include "transforms/clean/formats.h"
#include "transforms/clean/names.h"
#include "transforms/clean/values.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Names, SnakeCase) {
  EXPECT_EQ(snake_case("Pstatus"), "pstatus");
  EXPECT_EQ(snake_case("famSize"), "fam_size");
  EXPECT_EQ(snake_case("HTTPStatus 2"), "http_status_2");
  EXPECT_EQ(snake_case("G1"), "g1");
  EXPECT_EQ(snake_case("address1Line"), "address1_line");
  EXPECT_EQ(snake_case("A1B2"), "a1b2");
  EXPECT_EQ(snake_case("  Total (in $) "), "total_in");
  EXPECT_EQ(snake_case("driver's name"), "drivers_name");
  EXPECT_EQ(snake_case("Größe"), "größe");
  EXPECT_EQ(snake_case("ÄrgerÜber"), "ärger_über");
  EXPECT_EQ(snake_case("ИмяПоля"), "имя_поля");
  EXPECT_EQ(snake_case("日本"), "日本");
  EXPECT_EQ(snake_case("2013"), "2013");
  EXPECT_EQ(snake_case("already_snake_case"), "already_snake_case");
  EXPECT_EQ(snake_case("--"), "");
}

TEST(Names, LowerCase) {
  EXPECT_EQ(lower_case("famSize"), "famsize");
  EXPECT_EQ(lower_case("Größe (CM)"), "größe (cm)");
  EXPECT_EQ(lower_case("ÄRGER"), "ärger");
  EXPECT_THAT(lower_case_names({"G1", "g1", ""}), ElementsAre("g1", "g1_2", "column_3"));
}

TEST(Names, AreUnique) {
  EXPECT_THAT(snake_case_names({"a", "A", "a_2", "", "--", "a "}),
              ElementsAre("a", "a_3", "a_2", "column_4", "column_5", "a_4"));
}

ArrayPtr texts(const std::vector<std::optional<std::string>>& values) {
  arrow::StringBuilder builder;
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

ArrayPtr numbers(const std::vector<std::optional<int64_t>>& values) {
  arrow::Int64Builder builder;
  for (const auto& value : values) EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return *builder.Finish();
}

std::vector<std::string> shown(const arrow::Array& column) {
  std::vector<std::string> out;
  for (int64_t row = 0; row < column.length(); ++row) out.push_back(value_text(column, row));
  return out;
}

TEST(Values, TrimTakesUnicodeBlanks) {
  const auto column = texts({" a ", "b", std::nullopt, "\t\n", "\xc2\xa0x\xe3\x80\x80", "é", "", "a b"});
  EXPECT_THAT(shown(**trim_text(column)), ElementsAre("a", "b", "NULL", "", "x", "é", "", "a b"));
  EXPECT_THAT(shown(**trim_text(column->Slice(1, 4))), ElementsAre("b", "NULL", "", "x"));
}

TEST(Values, NothingToDoIsNothingMade) {
  const auto column = texts({"a", "é", std::nullopt, "b c"});
  EXPECT_EQ(*trim_text(column), column);
  EXPECT_EQ(*null_texts(column, {"NA", "-"}), column);
  const auto ascii = texts({"a", "b1"});
  EXPECT_EQ(*change_case(ascii, TextCase::lower), ascii);
}

TEST(Values, CaseOfUnicode) {
  EXPECT_THAT(shown(**change_case(texts({"ÄB", std::nullopt, "x"}), TextCase::lower)), ElementsAre("äb", "NULL", "x"));
  EXPECT_THAT(shown(**change_case(texts({"äb", "x1"}), TextCase::upper)), ElementsAre("ÄB", "X1"));
  EXPECT_THAT(shown(**change_case(texts({"AB\xff"}), TextCase::lower)), ElementsAre("ab\xff"));
}

TEST(Values, NullMarkersInASlice) {
  const auto column = texts({"NA", "a", "NA", std::nullopt, ""})->Slice(1, 4);
  const auto cleaned = *null_texts(column, {"NA", ""});
  EXPECT_THAT(shown(*cleaned), ElementsAre("a", "NULL", "NULL", "NULL"));
  EXPECT_EQ(cleaned->null_count(), 3);
  EXPECT_THAT(shown(**null_values(numbers({1, -999, std::nullopt})->Slice(1, 2), numbers({-999}))),
              ElementsAre("NULL", "NULL"));
}

// ---- the transform ------------------------------------------------------------------------------

class Heard : public Outlet {
 public:
  void emit(Batch batch) override { batches.push_back(std::move(batch)); }
  void reject(const Batch&, std::span<const Refusal> given) override {
    refusals.insert(refusals.end(), given.begin(), given.end());
  }
  void reject(const Block&, std::span<const RawRefusal>) override { ADD_FAILURE(); }
  void filtered(int64_t rows) override { left_out += rows; }
  void deduplicated(int64_t rows) override { equal += rows; }
  void expanded(int64_t) override { ADD_FAILURE(); }
  void combined(int64_t, int64_t) override { ADD_FAILURE(); }
  void misfit(const Block&, Misfit) override { ADD_FAILURE(); }

  std::vector<Batch> batches;
  std::vector<Refusal> refusals;
  int64_t left_out = 0, equal = 0;
};

struct Bound {
  BoundTransform transform;
  std::string problems;
};

Schema people_schema() {
  return arrow::schema({arrow::field("fullName", arrow::utf8()), arrow::field("Age", arrow::utf8()),
                        arrow::field("score", arrow::int64())});
}

Bound bind(const std::string& settings, const Schema& schema = people_schema()) {
  Problems problems;
  const Node node =
      parse_yaml(settings, "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
  auto bound = clean_transform().bind(node, {{.name = "in", .schema = schema}}, BindContext{}, problems);
  EXPECT_TRUE(bound) << bound.error().text();
  return {std::move(*bound), problems.text()};
}

Heard run(const std::string& settings, const Batch& batch) {
  const Bound bound = bind(settings, batch.rows->schema());
  EXPECT_EQ(bound.problems, "");
  Heard heard;
  if (!bound.problems.empty()) return heard;
  auto transform = bound.transform.make();
  EXPECT_TRUE((*transform)->push(0, batch, heard));
  for (const Batch& out : heard.batches) {
    EXPECT_TRUE(out.rows->schema()->Equals(*bound.transform.schema));
    EXPECT_TRUE(out.rows->ValidateFull().ok());
  }
  return heard;
}

Batch people() {
  return {arrow::RecordBatch::Make(people_schema(), 4,
                                   {texts({" Ann ", "BOB", std::nullopt, "NA"}), texts({"31", "x", "7", std::nullopt}),
                                    numbers({1, 2, 3, std::nullopt})}),
          Positions::each({10, 20, 30, 40}), nullptr};
}

TEST(Clean, KeepsThePromisesOfATransform) {
  for (const char* settings :
       {"{ names: snake_case, trim: true, text: lower, nulls: [na], cast: { age: int16 }, "
        "drop_null_rows: [full_name] }",
        "{ select: [score], drop_null_rows: any }",
        "{ normalize: nfc, collapse_spaces: true, map: { fullName: { values: { BOB: b }, otherwise: "
        "reject } }, split: { fullName: { into: [x, y], keep: true } }, merge: { z: { of: [y, Age] } }, "
        "parse: { x: { type: int8, otherwise: null } } }",
        "{ fill: { Age: '0' } }"}) {
    EXPECT_THAT(broken_transform_promises(bind(settings).transform, people()), testing::IsEmpty()) << settings;
  }
}

TEST(Clean, RunsItsStepsInOrder) {
  const Heard heard =
      run("{ text: lower, names: snake_case, trim: true, nulls: [na, NA], cast: { age: int16 }, fill: { full_name: "
          "nobody } }",
          people());
  ASSERT_EQ(heard.batches.size(), 1U);
  const auto& rows = *heard.batches[0].rows;
  EXPECT_EQ(schema_text(*rows.schema()),
            schema_text(*arrow::schema({arrow::field("full_name", arrow::utf8()), arrow::field("age", arrow::int16()),
                                        arrow::field("score", arrow::int64())})));
  EXPECT_THAT(shown(*rows.column(0)), ElementsAre("ann", "nobody", "nobody"));
  EXPECT_THAT(shown(*rows.column(1)), ElementsAre("31", "7", "NULL"));
  EXPECT_EQ(heard.batches[0].positions.at(1), 30);
  ASSERT_EQ(heard.refusals.size(), 1U);
  EXPECT_EQ(heard.refusals[0].row, 1);
  EXPECT_EQ(heard.refusals[0].code, "cast");
  EXPECT_EQ(heard.refusals[0].column, "age");
  EXPECT_EQ(heard.refusals[0].value, "x");
  EXPECT_EQ(heard.refusals[0].reason, "`x` cannot be read as int16");
  EXPECT_EQ(heard.left_out, 0);
}

TEST(Clean, DropsRowsWithNulls) {
  EXPECT_EQ(run("drop_null_rows: any", people()).left_out, 2);
  EXPECT_EQ(run("drop_null_rows: all", people()).left_out, 0);
  EXPECT_EQ(run("drop_null_rows: [Age]", people()).left_out, 1);
  EXPECT_EQ(run("{ select: [Age, score], drop_null_rows: all }", people()).left_out, 1);
}

TEST(Clean, CountsARowThatIsRefusedAndNullOnce) {
  const Heard heard = run("{ cast: { Age: int8 }, drop_null_rows: any }", people());
  EXPECT_EQ(heard.left_out, 2);
  EXPECT_EQ(heard.refusals.size(), 1U);
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_EQ(heard.batches[0].size(), 1);
}

TEST(Clean, HandsOnTheSameColumnsWhenThereIsNothingToDo) {
  const Batch batch = people();
  const Heard heard = run("{ drop_null_rows: all }", batch);
  ASSERT_EQ(heard.batches.size(), 1U);
  EXPECT_EQ(heard.batches[0].rows->column(0)->data()->buffers[2], batch.rows->column(0)->data()->buffers[2]);
}

TEST(Clean, SelectsDropsAndRenames) {
  const Heard heard =
      run("{ rename: { fullName: name, Age: fullName }, select: [score, name, fullName], drop: [score] }", people());
  ASSERT_EQ(heard.batches.size(), 1U);
  const auto& schema = *heard.batches[0].rows->schema();
  EXPECT_THAT(schema.field_names(), ElementsAre("name", "fullName"));
  EXPECT_THAT(shown(*heard.batches[0].rows->column(1)), ElementsAre("31", "x", "7", "NULL"));
}

TEST(Clean, NamesHoldBeforeAndAfterRenaming) {
  for (const char* name : {"fullName", "full_name", "who"}) {
    const Heard heard =
        run(std::string("{ names: snake_case, rename: { fullName: who }, fill: { ") + name + ": nobody } }", people());
    ASSERT_EQ(heard.batches.size(), 1U);
    EXPECT_EQ(value_text(*heard.batches[0].rows->column(0), 2), "nobody") << name;
  }
}

TEST(Clean, MarkersOfNumbers) {
  const Heard heard = run("nulls: { score: [2, 3], Age: x }", people());
  EXPECT_THAT(shown(*heard.batches[0].rows->column(2)), ElementsAre("1", "NULL", "NULL", "NULL"));
  EXPECT_THAT(shown(*heard.batches[0].rows->column(1)), ElementsAre("31", "NULL", "7", "NULL"));
}

TEST(Clean, NamesEveryMistakeWithItsPlace) {
  EXPECT_THAT(bind("{ drop: [Age, scoer] }").problems,
              HasSubstr("p.yaml:1:15: no column `scoer` comes in here (did you mean `score`?)"));
  EXPECT_THAT(bind("{ drop: [Age], cast: { Age: int8 } }").problems, HasSubstr("column `Age` was left out by `drop`"));
  EXPECT_THAT(bind("{ rename: { Age: score } }").problems,
              HasSubstr("two columns would be called `score`: `Age` and `score`"));
  EXPECT_THAT(bind("{ fill: { score: many } }").problems,
              HasSubstr("`many` is not a value of column `score`, which is int64"));
  EXPECT_THAT(bind("{ drop: [Age, score, fullName] }").problems, HasSubstr("no column is left"));
  EXPECT_THAT(bind("{ cast: { Age: integre } }").problems, HasSubstr("integre"));
  EXPECT_THAT(bind("{ nmaes: snake_case }").problems, HasSubstr("did you mean `names`?"));
  EXPECT_THAT(bind("{ text: small }").problems, HasSubstr("lower, upper"));
}

// Rows of a file, first at `position`.
Batch of_file(const std::string& source, const std::string& file, const std::vector<std::optional<std::string>>& names,
              Position position = 0) {
  auto split = std::make_shared<Split>();
  split->id = file;
  split->source = source;
  auto block = std::make_shared<Block>();
  block->split = std::move(split);
  const auto column = texts(names);
  return {arrow::RecordBatch::Make(arrow::schema({arrow::field("Name", arrow::utf8())}), column->length(), {column}),
          Positions::run(position), std::move(block)};
}

std::vector<std::string> names_of(const Heard& heard) {
  std::vector<std::string> out;
  for (const Batch& batch : heard.batches) {
    for (const std::string& name : shown(*batch.rows->column(0))) out.push_back(name);
  }
  return out;
}

TEST(Clean, DedupesWithinAFileWhatIsEqualOnceItIsTidied) {
  const Batch first = of_file("in", "a", {"Ann", "ann", std::nullopt, "bob", std::nullopt});
  const std::string settings = "{ names: lower, text: lower, dedupe: within_file }";
  const Bound bound = bind(settings, first.rows->schema());
  EXPECT_EQ(bound.problems, "");
  EXPECT_EQ(bound.transform.shape, Shape::in_order);
  EXPECT_THAT(broken_transform_promises(bound.transform, first), IsEmpty());
  Heard heard;
  auto transform = bound.transform.make();
  // Two blocks of file a with rows of another source between them, then a copy of it.
  ASSERT_TRUE((*transform)->push(0, first, heard));
  ASSERT_TRUE((*transform)->push(0, of_file("other", "x", {"ann", "ANN"}), heard));
  ASSERT_TRUE((*transform)->push(0, of_file("in", "a", {"BOB", "eve"}, 5), heard));
  ASSERT_TRUE((*transform)->push(0, of_file("in", "b", {"ann", "eve", "eve"}), heard));
  EXPECT_THAT(names_of(heard), ElementsAre("ann", "NULL", "bob", "ann", "eve", "ann", "eve"));
  EXPECT_EQ(heard.equal, 5);
  EXPECT_EQ(heard.batches[0].positions.at(2), 3);
}

TEST(Clean, DedupesTheWholeInput) {
  const Batch first = of_file("in", "a", {"a", "b", "a"});
  const std::string settings = "dedupe: whole";
  const Bound bound = bind(settings, first.rows->schema());
  EXPECT_THAT(broken_transform_promises(bound.transform, first), IsEmpty());
  Heard heard;
  auto transform = bound.transform.make();
  ASSERT_TRUE((*transform)->push(0, first, heard));
  ASSERT_TRUE((*transform)->push(0, of_file("in", "b", {"b", "c"}), heard));
  EXPECT_THAT(names_of(heard), ElementsAre("a", "b", "c"));
  EXPECT_EQ(heard.equal, 2);
}

TEST(Clean, DedupeNeedsToKnowTheFile) {
  Problems problems;
  const Node node = parse_yaml(
      "dedupe: within_file", "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
  const InputInfo blind{.name = "in", .schema = people_schema(), .keeps_positions = false};
  ASSERT_TRUE(clean_transform().bind(node, {blind}, BindContext{}, problems));
  EXPECT_THAT(problems.text(), HasSubstr("p.yaml:1:9: `dedupe: within_file`: rows no longer know their file here"));
}

TEST(Values, NormalForms) {
  EXPECT_THAT(
      shown(**normalize_text(texts({"e\xcc\x81", "\xc3\xa9", "A\xcc\x8a\xcc\xa3", std::nullopt, "x"}), TextForm::nfc)),
      ElementsAre("\xc3\xa9", "\xc3\xa9", "\xe1\xba\xa0\xcc\x8a", "NULL", "x"));
  EXPECT_THAT(shown(**normalize_text(texts({"\xef\xac\x81n", "\xef\xbc\xa1"}), TextForm::nfkc)),
              ElementsAre("fin", "A"));
  EXPECT_THAT(shown(**normalize_text(texts({"\xff\xcc\x81"}), TextForm::nfc)), ElementsAre("\xff\xcc\x81"));
  const auto ascii = texts({"abc"});
  EXPECT_EQ(*normalize_text(ascii, TextForm::nfc), ascii);
}

TEST(Values, CollapsesSpaces) {
  const auto column = texts({"  a  b ", "a b", "a\n\tb", std::nullopt,
                             "\xc2\xa0"
                             "a\xe2\x80\x83 b",
                             " ", "", "é ü"});
  EXPECT_THAT(shown(**collapse_spaces(column)), ElementsAre("a b", "a b", "a b", "NULL", "a b", "", "", "é ü"));
  const auto tidy = texts({"a b", "", std::nullopt});
  EXPECT_EQ(*collapse_spaces(tidy), tidy);
}

std::string read_time(const std::string& format, const std::string& text) {
  const auto time = TimeFormat::of(format)->read(text);
  return time ? std::to_string(time->seconds) + (time->nanoseconds != 0 ? "." + std::to_string(time->nanoseconds) : "")
              : "-";
}

TEST(Formats, DatesAndTimes) {
  EXPECT_EQ(read_time("%d.%m.%Y", "01.02.1970"), "2678400");
  EXPECT_EQ(read_time("%d.%m.%Y", "1.2.1970"), "2678400");
  EXPECT_EQ(read_time("%d.%m.%Y", "29.02.2023"), "-");
  EXPECT_EQ(read_time("%d.%m.%Y", "29.02.2024"), "1709164800");
  EXPECT_EQ(read_time("%d.%m.%Y", "01.02.1970 "), "-");
  EXPECT_EQ(read_time("%d.%m.%Y", "01-02-1970"), "-");
  EXPECT_EQ(read_time("%b %e, %Y", "Feb  1, 1970"), "2678400");
  EXPECT_EQ(read_time("%A, %d %B %Y", "sunday, 1 FEBRUARY 1970"), "2678400");
  EXPECT_EQ(read_time("%m/%d/%y", "02/01/70"), "2678400");
  EXPECT_EQ(read_time("%y%m%d", "680101"), "3092601600");
  EXPECT_EQ(read_time("%Y-%j", "1970-032"), "2678400");
  EXPECT_EQ(read_time("%Y-%j", "1970-366"), "-");
  EXPECT_EQ(read_time("%F %T.%f", "1970-01-01 00:00:01.25"), "1.250000000");
  EXPECT_EQ(read_time("%F %I:%M %p", "1970-01-01 12:05 AM"), "300");
  EXPECT_EQ(read_time("%F %I:%M %p", "1970-01-01 12:05 pm"), "43500");
  EXPECT_EQ(read_time("%FT%R%z", "1970-01-01T02:00+02:00"), "0");
  EXPECT_EQ(read_time("%FT%R%z", "1970-01-01T02:00-0130"), "12600");
  EXPECT_EQ(read_time("%FT%R%z", "1970-01-01T02:00Z"), "7200");
  EXPECT_EQ(read_time("%s", "-5"), "-5");
  EXPECT_EQ(read_time("%H:%M", "24:00"), "-");
  EXPECT_EQ(read_time("%d%%%m", "01%02"), "2678400");
  EXPECT_FALSE(TimeFormat::of("%Q"));
  EXPECT_FALSE(TimeFormat::of("%"));
  EXPECT_FALSE(TimeFormat::of("year"));
}

TEST(Formats, Numbers) {
  const auto plain = [](const char* text, char decimal, char thousands) {
    return plain_number(text, decimal, thousands).value_or("-");
  };
  EXPECT_EQ(plain("-1.234.567,50", ',', '.'), "-1234567.50");
  EXPECT_EQ(plain("+12,5", ',', '.'), "12.5");
  EXPECT_EQ(plain("1234,5", ',', '.'), "1234.5");
  EXPECT_EQ(plain("1.23,5", ',', '.'), "-");
  EXPECT_EQ(plain("1.2345", ',', '.'), "-");
  EXPECT_EQ(plain(".123", ',', '.'), "-");
  EXPECT_EQ(plain("1 234\xc2\xa0"
                  "567",
                  '.', ' '),
            "1234567");
  EXPECT_EQ(plain("1\xe2\x80\xaf"
                  "234.5",
                  '.', ' '),
            "1234.5");
  EXPECT_EQ(plain("12,", ',', '.'), "-");
  EXPECT_EQ(plain(",5", ',', '.'), "-");
  EXPECT_EQ(plain("1e5", ',', '.'), "-");
  EXPECT_EQ(plain("1,5,5", ',', 0), "-");
  EXPECT_EQ(plain("", ',', 0), "-");
}

TEST(Clean, MapsValues) {
  const auto map = [](const std::string& settings) {
    const Heard heard = run("map: { fullName: " + settings + " }", people());
    return heard.batches.empty() ? std::vector<std::string>{} : shown(*heard.batches[0].rows->column(0));
  };
  EXPECT_THAT(map("{ BOB: Robert, NA: null }"), ElementsAre(" Ann ", "Robert", "NULL", "NULL"));
  EXPECT_THAT(map("{ values: { BOB: Robert }, otherwise: null }"), ElementsAre("NULL", "Robert", "NULL", "NULL"));
  EXPECT_THAT(map("{ values: { BOB: Robert }, otherwise: reject }"), ElementsAre("Robert", "NULL"));
  const Heard heard = run("{ map: { fullName: { values: { BOB: Robert }, otherwise: reject } } }", people());
  ASSERT_EQ(heard.refusals.size(), 2U);
  EXPECT_EQ(heard.refusals[1].reason, "`NA` is none of the values in `map`");
}

TEST(Clean, MapsByATable) {
  BindContext context;
  ReferenceTable table;
  table.name = "names";
  table.schema = arrow::schema({arrow::field("written", arrow::utf8()), arrow::field("meant", arrow::utf8())});
  table.read = [schema = table.schema](const std::function<Result<>(const Batch&)>& each) {
    return each({arrow::RecordBatch::Make(schema, 3,
                                          {texts({"BOB", std::nullopt, "NA"}), texts({"Robert", "x", std::nullopt})}),
                 {},
                 nullptr});
  };
  context.tables["names"] = table;
  const auto bound = [&](const std::string& settings, Problems& problems) {
    const Node node =
        parse_yaml(settings, "p.yaml", [](const std::string&) { return std::optional<std::string>(); }, problems);
    return clean_transform().bind(node, {{.name = "in", .schema = people_schema()}}, context, problems);
  };
  Problems problems;
  const auto transform = bound("map: { fullName: { table: names, from: written, to: meant } }", problems);
  EXPECT_EQ(problems.text(), "");
  Heard heard;
  ASSERT_TRUE((*transform->make())->push(0, people(), heard));
  EXPECT_THAT(shown(*heard.batches[0].rows->column(0)), ElementsAre(" Ann ", "Robert", "NULL", "NULL"));
  Problems wrong;
  (void)bound("map: { fullName: { table: name, from: written, to: ment } }", wrong);
  EXPECT_THAT(wrong.text(), HasSubstr("p.yaml:1:27: there is no table `name` (did you mean `names`?)"));
  Problems missing;
  (void)bound("map: { fullName: { table: names, from: written, to: ment } }", missing);
  EXPECT_THAT(missing.text(), HasSubstr("table `names` has no column `ment` (did you mean `meant`?)"));
}

Heard of_names(const std::string& settings, const std::vector<std::optional<std::string>>& names) {
  return run(settings, of_file("in", "a", names));
}

TEST(Clean, SplitsColumns) {
  const Heard heard =
      of_names("split: { Name: { into: [last, first], by: ',' } }", {"Doe, Jane", "Doe", std::nullopt, "a,b,c", ""});
  const auto& rows = *heard.batches[0].rows;
  EXPECT_THAT(rows.schema()->field_names(), ElementsAre("last", "first"));
  EXPECT_THAT(shown(*rows.column(0)), ElementsAre("Doe", "Doe", "NULL", "a", ""));
  EXPECT_THAT(shown(*rows.column(1)), ElementsAre("Jane", "NULL", "NULL", "b,c", "NULL"));
  EXPECT_THAT(
      of_names("split: { Name: { into: [a, b], keep: true } }", {"x y"}).batches[0].rows->schema()->field_names(),
      ElementsAre("Name", "a", "b"));
}

TEST(Clean, MergesColumns) {
  const Heard heard = run("merge: { who: { of: [fullName, score], by: '-' } }", people());
  const auto& rows = *heard.batches[0].rows;
  EXPECT_THAT(rows.schema()->field_names(), ElementsAre("who", "Age"));
  EXPECT_THAT(shown(*rows.column(0)), ElementsAre(" Ann -1", "BOB-2", "3", "NA"));
  EXPECT_THAT(of_names("{ split: { Name: { into: [a, b] } }, merge: { Name: { of: [b, a], by: ', ' } }, text: upper, "
                       "fill: { Name: none } }",
                       {"x y", std::nullopt})
                  .batches[0]
                  .rows->column(0)
                  ->ToString(),
              HasSubstr("\"Y, X\",\n  \"none\""));
}

TEST(Clean, ParsesByFormat) {
  const auto parsed = [](const std::string& rule, const std::vector<std::optional<std::string>>& values) {
    const Heard heard = of_names("parse: { Name: " + rule + " }", values);
    std::vector<std::string> out;
    for (const Batch& batch : heard.batches) {
      out.push_back(type_name(*batch.rows->schema()->field(0)->type()));
      for (const std::string& value : shown(*batch.rows->column(0))) out.push_back(value);
    }
    for (const Refusal& refusal : heard.refusals) out.push_back(refusal.code + ": " + refusal.reason);
    return out;
  };
  EXPECT_THAT(parsed("'%d.%m.%Y'", {"24.12.2023", std::nullopt, "12/24/2023"}),
              ElementsAre("date", "2023-12-24", "NULL", "parse: `12/24/2023` is not written as %d.%m.%Y"));
  EXPECT_THAT(parsed("['%d.%m.%Y', '%m/%d/%Y']", {"24.12.2023", "12/24/2023"}),
              ElementsAre("date", "2023-12-24", "2023-12-24"));
  EXPECT_THAT(parsed("'%d.%m.%Y %H:%M'", {"24.12.2023 18:30"}),
              ElementsAre("timestamp(us)", "2023-12-24 18:30:00.000000"));
  EXPECT_THAT(parsed("{ format: '%FT%T%z', otherwise: null }", {"2023-12-24T18:30:00+01:00", "x"}),
              ElementsAre("timestamp(us, UTC)", "2023-12-24 17:30:00.000000Z", "NULL"));
  EXPECT_THAT(
      parsed("{ type: 'decimal(10,2)', decimal: ',', thousands: '.' }", {"1.234,50", "12", "1,234.50", "1,234"}),
      ElementsAre("decimal(10,2)", "1234.50", "12.00", "parse: `1,234.50` cannot be read as decimal(10,2)",
                  "parse: `1,234` cannot be read as decimal(10,2)"));
  EXPECT_THAT(parsed("{ type: int32, thousands: ' ' }", {"1 000"}), ElementsAre("int32", "1000"));
}

TEST(Clean, NamesMistakesOfTheNewSteps) {
  EXPECT_THAT(bind("{ parse: { score: '%Y' } }").problems,
              HasSubstr("p.yaml:1:12: `parse` is for text, and column `score` is int64"));
  EXPECT_THAT(bind("{ parse: { Age: '%Q' } }").problems, HasSubstr("`%Q` in `%Q` is no part of a date or time"));
  EXPECT_THAT(bind("{ parse: { Age: { decimal: ',' } } }").problems, HasSubstr("`parse` needs a `format`"));
  EXPECT_THAT(bind("{ parse: { Age: { type: double, decimal: ',', thousands: ',' } } }").problems,
              HasSubstr("the same sign"));
  EXPECT_THAT(bind("{ parse: { Age: { type: date } } }").problems, HasSubstr("are read by a `format`"));
  EXPECT_THAT(bind("{ split: { fullName: { into: [Age, b] } } }").problems,
              HasSubstr("two columns would be called `Age`"));
  EXPECT_THAT(bind("{ split: { fullName: { into: [a] } } }").problems, HasSubstr("two or more"));
  EXPECT_THAT(bind("{ merge: { x: { of: [fullName, nix] } } }").problems, HasSubstr("no column `nix`"));
  EXPECT_THAT(bind("{ merge: { x: { of: [fullName, Age] } }, fill: { Age: '1' } }").problems,
              HasSubstr("column `Age` was left out by `merge`"));
}

TEST(Clean, AnEmptyBatchIsNotHandedOn) {
  const Batch batch = people();
  EXPECT_THAT(run("trim: true", slice(batch, 0, 0)).batches, IsEmpty());
}

}  // namespace
}  // namespace trommel
