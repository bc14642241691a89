#include <gtest/gtest.h>

#include <filesystem>

#include "config/pipeline.h"

namespace trommel {
namespace {

const std::map<std::string, std::vector<std::string>> known = {{"sources", {"files", "http_upload"}},
                                                               {"transforms", {"clean", "check", "sql"}},
                                                               {"sinks", {"files"}},
                                                               {"stores", {"duckdb"}}};
const Variables none = [](const std::string&) { return std::nullopt; };

class PipelineFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "pipeline_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(real_env().write_text(folder_ + "/" + name, text));
  }

  Pipeline load(std::string_view text) {
    write("p.yaml", text);
    problems_ = Problems();
    return load_pipeline(real_env(), folder_ + "/p.yaml", none, known, problems_);
  }

  /// What went wrong, without the folder's own name.
  std::string mistakes() const {
    std::string text = problems_.text();
    for (size_t at = text.find(folder_ + "/"); at != std::string::npos; at = text.find(folder_ + "/"))
      text.erase(at, folder_.size() + 1);
    return text;
  }
  std::string mistakes_of(std::string_view text) {
    load(text);
    return mistakes();
  }

  std::string folder_;
  Problems problems_;
};

TEST_F(PipelineFile, ReadsAllThatAUserWrites) {
  write("schema.yaml", "school: VARCHAR(10)\ngrade: integer\n");
  const Pipeline pipeline = load(
      "name: students\n"
      "memory: 512MB\nlanes: 4\nmax_rejects: 0.1%\nordered: true\n"
      "sources:\n"
      "  drops:\n"
      "    files: { path: input_csv/*.csv }\n"
      "    contract: schema.yaml\n"
      "    max_rejects: 10\n"
      "tables:\n"
      "  schools: { files: schools.csv }\n"
      "transforms:\n"
      "  tidy: { clean: { names: snake_case } }\n"
      "  late: { sql: \"SELECT * FROM tidy\" }\n"
      "sinks:\n"
      "  lake:  { from: late, files: { path: \"output/{source_stem}.parquet\" } }\n"
      "  table: { from: [tidy, late], store: warehouse, table: student_data, contract: { a: bigint } }\n"
      "  other: { store: \"duckdb:/abs/x.duckdb\", table: t }\n"
      "stores:\n"
      "  warehouse: ${WAREHOUSE:duckdb:students.duckdb}\n"
      "  second: { type: duckdb, path: b.duckdb }\n");
  ASSERT_EQ(mistakes(), "");
  EXPECT_EQ(pipeline.name, "students");
  EXPECT_EQ(pipeline.settings.memory_bytes, 512'000'000);
  EXPECT_EQ(pipeline.settings.lanes, 4);
  EXPECT_TRUE(pipeline.settings.ordered);
  EXPECT_EQ(pipeline.settings.max_rejects.text(), "0.1%");
  EXPECT_EQ(pipeline.settings.state, join_path(folder_, ".trommel/students"));
  ASSERT_EQ(pipeline.sources.size(), 1U);
  EXPECT_EQ(pipeline.sources[0].component, "files");
  EXPECT_EQ(pipeline.sources[0].settings.find("path")->scalar, "input_csv/*.csv");
  EXPECT_EQ(pipeline.sources[0].contract->columns[0].rules.max_length, 10);
  EXPECT_EQ(pipeline.sources[0].max_rejects->rows, 10);
  EXPECT_EQ(pipeline.tables[0].settings.scalar, "schools.csv");
  EXPECT_EQ(pipeline.transforms[1].component, "sql");
  EXPECT_EQ(pipeline.transforms[1].settings.scalar, "SELECT * FROM tidy");
  EXPECT_EQ(pipeline.sinks[0].from, std::vector<std::string>{"late"});
  EXPECT_EQ(pipeline.sinks[1].from, (std::vector<std::string>{"tidy", "late"}));
  EXPECT_EQ(pipeline.sinks[1].component, "duckdb");
  EXPECT_EQ(pipeline.sinks[1].store, "duckdb:" + join_path(folder_, "students.duckdb"));
  EXPECT_EQ(pipeline.sinks[1].settings.find("table")->scalar, "student_data");
  EXPECT_EQ(pipeline.sinks[1].settings.find("store"), nullptr);
  EXPECT_EQ(pipeline.sinks[1].contract->columns[0].name, "a");
  EXPECT_EQ(pipeline.sinks[2].store, "duckdb:/abs/x.duckdb");
}

TEST_F(PipelineFile, FromMayStandInsideATransform) {
  const Pipeline pipeline =
      load("sources: {a: {files: x}}\ntransforms: {t: {clean: {from: a, trim: true}}}\nsinks: {s: {files: y}}\n");
  ASSERT_EQ(mistakes(), "");
  EXPECT_EQ(pipeline.transforms[0].from, std::vector<std::string>{"a"});
  EXPECT_EQ(pipeline.transforms[0].settings.find("from"), nullptr);
  EXPECT_NE(pipeline.transforms[0].settings.find("trim"), nullptr);
  EXPECT_EQ(
      mistakes_of("sources: {a: {files: x}}\ntransforms: {t: {from: a, clean: {from: a}}}\nsinks: {s: {files: y}}\n"),
      "p.yaml:2:35: `from` of `t` is written twice (beside `clean` and in it)\n");
}

TEST_F(PipelineFile, IsNamedAfterItsFile) {
  EXPECT_EQ(load("sources: {a: {files: x}}\nsinks: {b: {files: y}}\n").name, "p");
}

TEST_F(PipelineFile, NeedsSourcesAndSinks) {
  EXPECT_EQ(mistakes_of("name: x\n"), "p.yaml:1:1: `pipeline` needs `sources`\np.yaml:1:1: `pipeline` needs `sinks`\n");
  EXPECT_EQ(mistakes_of("- a\n").substr(0, 51), "p.yaml:1:1: `pipeline` must be a map, not a list (i");
  EXPECT_EQ(mistakes_of("sources: {}\nsinks: {b: {files: y}}\n"), "p.yaml:1:10: `sources` is empty\n");
}

TEST_F(PipelineFile, KnowsComponents) {
  EXPECT_EQ(mistakes_of("sources: {a: {flies: x}}\nsinks: {b: {kafka: y}}\ntransforms: {c: {sq1: z}}\n"),
            "p.yaml:1:15: unknown source `flies` (did you mean `files`?)\n"
            "p.yaml:2:13: unknown sink `kafka` (known: files)\n"
            "p.yaml:3:18: unknown transform `sq1` (did you mean `sql`?)\n");
  EXPECT_EQ(mistakes_of("sources:\n  a: {files: x, http_upload: y}\n  d:\nsinks:\n  b: {files: y, contarct: z}\n"),
            "p.yaml:2:17: `a` has two components, `files` and `http_upload` (one part is one component)\n"
            "p.yaml:3:3: source `d` names no component (one of files, http_upload)\n"
            "p.yaml:5:17: unknown key `contarct` (did you mean `contract`?)\n");
}

TEST_F(PipelineFile, NamesArePartsOwn) {
  EXPECT_EQ(mistakes_of("sources: {a: {files: x}, \"b c\": {files: x}}\ntransforms: {a: {sql: x}}\nsinks: {a: {files: "
                        "y}}\nstores: {a: \"duckdb:x\"}\n"),
            "p.yaml:1:26: `b c` cannot be a name (letters, digits and _, beginning with a letter)\n"
            "p.yaml:2:14: the name `a` is used twice (there is a source of that name)\n"
            "p.yaml:3:9: the name `a` is used twice (there is a source of that name)\n");
}

TEST_F(PipelineFile, KnowsStores) {
  EXPECT_EQ(
      mistakes_of(
          "sources: {a: {files: x}}\nsinks:\n  b: {store: warehose, table: t}\n  c: {store: \"dukdb:x\", table: t}\n  "
          "d: {store: \"mysql://u:pw@h/d\"}\n"
          "stores:\n  warehouse: \"duckdb:x\"\n  e: {type: duckdb}\n  f: {tipe: duckdb, path: x}\n  g: \"duckdb:\"\n"),
      "p.yaml:3:14: unknown store `warehose` (did you mean `warehouse`?)\n"
      "p.yaml:4:14: unknown kind of store `dukdb` (did you mean `duckdb`?)\n"
      "p.yaml:5:14: unknown kind of store `mysql://u:***@h/d` (known: duckdb)\n"
      "p.yaml:8:6: store `e` names no file (write `path`, such as students.duckdb)\n"
      "p.yaml:9:7: unknown key `tipe` (did you mean `type`?)\n"
      "p.yaml:10:6: the store's address ends after `duckdb:` (such as duckdb:FILE)\n");
}

TEST_F(PipelineFile, MistakesInAContractAreToldInItsOwnFile) {
  write("c.yaml", "a: INTEGR\nb: bigint\nB: text\n");
  EXPECT_EQ(mistakes_of("sources:\n  a: {files: x, contract: c.yaml}\n  b: {files: x, contract: missing.yaml}\n  c: "
                        "{files: x, contract: {d: {tipe: text}}}\n"
                        "sinks: {s: {files: y}}\n"),
            "c.yaml:1:4: type of `a`: `INTEGR` is no type: nothing is called that (did you mean `integer`?)\n"
            "c.yaml:3:1: column `B` is there twice (`b` is the same name, as case and punctuation do not count)\n"
            "p.yaml:3:27: contract `missing.yaml` cannot be read: cannot open: No such file or directory\n"
            "p.yaml:4:32: unknown key `tipe` (did you mean `type`?)\n");
}

TEST_F(PipelineFile, SettingsAreChecked) {
  EXPECT_EQ(mistakes_of("memory: lots\nlanes: 0\nmax_rejects: 200%\nordered: perhaps\nnmae: x\nsources: {a: {files: "
                        "x}}\nsinks: {s: {files: y}}\n"),
            "p.yaml:1:9: `memory` must be a number of bytes, not `lots` (such as 64KB, 10MB or 1GiB)\n"
            "p.yaml:3:14: `max_rejects` must be a number of rows or a share, not `200%` (such as 100 or 0.1%)\n"
            "p.yaml:4:10: `ordered` must be true or false, not `perhaps`\n"
            "p.yaml:5:1: unknown key `nmae` (did you mean `name`?)\n");
  EXPECT_EQ(mistakes_of("lanes: 0\nsources: {a: {files: x}}\nsinks: {s: {files: y}}\n"),
            "p.yaml:1:8: `lanes` must be at least 1, not `0`\n");
}

TEST_F(PipelineFile, SaysWhenItIsNotThere) {
  Problems problems;
  load_pipeline(real_env(), folder_ + "/none.yaml", none, known, problems);
  EXPECT_EQ(problems.text(), folder_ + "/none.yaml: cannot open: No such file or directory\n");
}

}  // namespace
}  // namespace trommel
