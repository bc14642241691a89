-- The median of absences by sex and quality of the family's relationships, 1 to 3. Of an even number of students it is the middle of the two
-- in the middle.
SELECT sex, famrel, median(absences) AS median_absences, count(absences) AS students
FROM student_data
WHERE famrel BETWEEN 1 AND 3
GROUP BY sex, famrel
ORDER BY sex, famrel
