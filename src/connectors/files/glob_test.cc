#include "connectors/files/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Glob, NamesMatchAsInAShell) {
  EXPECT_TRUE(name_matches("*.csv", "a.csv"));
  EXPECT_FALSE(name_matches("*.csv", "a.csv.gz"));
  EXPECT_FALSE(name_matches("*.csv", ".hidden.csv"));
  EXPECT_TRUE(name_matches(".*.csv", ".hidden.csv"));
  EXPECT_TRUE(name_matches("?.csv", "é.csv"));
  EXPECT_FALSE(name_matches("?.csv", "ab.csv"));
  EXPECT_TRUE(name_matches("[a-cx]1", "b1"));
  EXPECT_TRUE(name_matches("[!a-c]1", "d1"));
  EXPECT_FALSE(name_matches("[^a-c]1", "b1"));
  EXPECT_TRUE(name_matches("[]]1", "]1"));
  EXPECT_TRUE(name_matches("a[b", "a[b"));
  EXPECT_TRUE(name_matches("*a*b*c*", "xxaxxbxxbxxc"));
  EXPECT_FALSE(name_matches("*a*b*c*", "xxaxxcxxb"));
  EXPECT_TRUE(name_matches("*", "anything"));
  EXPECT_FALSE(name_matches("", "x"));
}

TEST(Glob, ManyStarsAreStillFast) {
  EXPECT_FALSE(name_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(20'000, 'a')));
}

TEST(Glob, BracesStandForEach) {
  EXPECT_THAT(expand_braces("a{b,c}d"), ElementsAre("abd", "acd"));
  EXPECT_THAT(expand_braces("{a,b{1,2}}"), ElementsAre("a", "b1", "b2"));
  EXPECT_THAT(expand_braces("x{,y}"), ElementsAre("x", "xy"));
  EXPECT_THAT(expand_braces("a{b,c"), ElementsAre("a{b,c"));
  EXPECT_THAT(expand_braces("plain"), ElementsAre("plain"));
}

TEST(Glob, PathsMatchFolderByFolder) {
  EXPECT_TRUE(path_matches("a/*.csv", "a/b.csv"));
  EXPECT_FALSE(path_matches("a/*.csv", "a/b/c.csv"));
  EXPECT_TRUE(path_matches("**/*.csv", "a/b/c.csv"));
  EXPECT_TRUE(path_matches("**/*.csv", "c.csv"));
  EXPECT_TRUE(path_matches("a/**/c.csv", "a/c.csv"));
  EXPECT_FALSE(path_matches("a/**/c.csv", "b/c.csv"));
  EXPECT_FALSE(path_matches("**", ".git/config"));
}

class GlobFiles : public testing::Test {
 protected:
  void SetUp() override {
    root_ = join_path(testing::TempDir(), "glob_" + std::to_string(::getpid()));
    for (const char* file :
         {"a.csv", "b.csv", "b.tsv", "x/c.csv", "x/y/d.csv", "x/.hidden/e.csv", "we[ir]d*.csv", ".f.csv"}) {
      const std::filesystem::path path = root_ + "/" + file;
      std::filesystem::create_directories(path.parent_path());
      ASSERT_TRUE(real_env().write_text(path, "1"));
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::vector<std::string> found(const std::string& pattern) {
    auto files = find_files(real_env(), root_ + "/" + pattern);
    std::vector<std::string> out;
    if (!files) return {files.error().text()};
    for (const FileInfo& file : *files) out.push_back(file.path.substr(root_.size() + 1));
    return out;
  }
  std::string root_;
};

TEST_F(GlobFiles, AreFoundInOrderAndOnce) {
  EXPECT_THAT(found("*.csv"), ElementsAre("a.csv", "b.csv", "we[ir]d*.csv"));
  EXPECT_THAT(found("{b,a}.{tsv,csv}"), ElementsAre("a.csv", "b.csv", "b.tsv"));
  EXPECT_THAT(found("{a,*}.csv"), ElementsAre("a.csv", "b.csv", "we[ir]d*.csv"));
  EXPECT_THAT(found("**/*.csv"), ElementsAre("a.csv", "b.csv", "we[ir]d*.csv", "x/c.csv", "x/y/d.csv"));
  EXPECT_THAT(found("x/**"), ElementsAre("x/c.csv", "x/y/d.csv"));
  EXPECT_THAT(found("*/c.csv"), ElementsAre("x/c.csv"));
  EXPECT_THAT(found("x"), ElementsAre("x/c.csv"));
  EXPECT_THAT(found("we[ir]d*.csv"), ElementsAre("we[ir]d*.csv"));
  EXPECT_THAT(found("none/*.csv"), IsEmpty());
  EXPECT_THAT(found("nothing.csv"), IsEmpty());
}

}  // namespace
}  // namespace trommel
