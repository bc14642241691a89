-- The three most frequent jobs of fathers by the parents' status. Of jobs as frequent as each other the first by name is first.
SELECT pstatus, row_number() OVER by_number AS place, fjob, count(*) AS students
FROM student_data
WHERE pstatus IS NOT NULL AND fjob IS NOT NULL
GROUP BY pstatus, fjob
WINDOW by_number AS (PARTITION BY pstatus ORDER BY count(*) DESC, fjob)
QUALIFY place <= 3
ORDER BY pstatus, place
