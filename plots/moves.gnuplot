# What does a change move? Per cent of the keys, against what must move.
high = 620
load plots . "/style.gnuplot"
set title "Keys that a change moves; the line is what the weights say must move"
names = names_in("moves.csv")
changes = system(sprintf("awk -F, 'NR > 1 && !seen[$5]++ { print $5 }' '%s/moves.csv'", data))
optimum(c) = real(system(sprintf("awk -F, '$5 == \"%s\" && $8 != \"\" { print 100 * $8; exit }' '%s/moves.csv'", c, data)))
of(name, c) = sprintf("< awk -F, '$1 == \"%s\" && $5 == \"%s\"' '%s/moves.csv'", name, c, data)
k = words(changes)
set logscale y
set yrange [*:200]
set ytics (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
set ylabel "keys moved, %"
set xrange [0.3:words(names) + 0.7]
set xtics rotate by -40 left scale 0
do for [i = 1:words(names)] { set xtics add (word(names, i) i) }
set key top left maxrows 1
set grid noxtics
plot for [j = 1:k] optimum(word(changes, j)) with lines linecolor rgb color(j) dashtype 2 notitle, \
     for [j = 1:k] "< awk 'NR == 0' /dev/null; echo 0,0" using (NaN):(NaN) with points pointtype mark(j) pointsize 1.3 linecolor rgb color(j) title word(changes, j), \
     for [i = 1:words(names)] for [j = 1:k] of(word(names, i), word(changes, j)) \
        using (i + (j - (k + 1) / 2.0) * 0.22):(100 * column(6)) with points pointtype mark(j) pointsize 1.3 linecolor rgb color(j) notitle
