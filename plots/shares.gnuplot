# Who spreads keys how evenly? One violin per algorithm, with its quartiles as a box.
high = 620
load plots . "/style.gnuplot"
set title "Keys of each node against its due, all seeds: the slimmer, the better"
names = names_in("shares.csv")
k = words(names)
# widths in the units of the axis; a density is scaled to its own greatest value
array peak[k]
set samples 60
do for [i = 1:k] {
    set datafile separator ","
    set table $density
    plot only(word(names, i), "shares.csv") using "by_keys":(1.0) smooth kdensity with lines
    unset table
    set datafile separator whitespace
    stats $density using 2 nooutput
    peak[i] = STATS_max > 0 ? STATS_max : 1
    eval sprintf("set table $violin%d; plot $density using 1:2 with table; unset table", i)
}
unset key
set xrange [0.3:k + 0.7]
set yrange [0.6:1.35]
set xtics rotate by -40 left scale 0
do for [i = 1:k] { set xtics add (word(names, i) i) }
set ylabel "keys of a node / its due"
set grid noxtics
set style boxplot fraction 0.90 nooutliers
set style fill solid 0.55 border rgb ink
set boxwidth 0.12
violin(i) = sprintf("$violin%d", i)
plot 1 with lines linecolor rgb soft dashtype 2, \
     for [i = 1:k] violin(i) using (i + 0.42 * $2 / peak[i]):1:(i) with filledcurves x1=i fillstyle transparent solid 0.6 noborder linecolor rgb color(i), \
     for [i = 1:k] violin(i) using (i - 0.42 * $2 / peak[i]):1:(i) with filledcurves x1=i fillstyle transparent solid 0.6 noborder linecolor rgb color(i), \
     for [i = 1:k] sprintf("< awk -F, '$1 == \"%s\" { print $7 }' '%s/shares.csv'", word(names, i), data) using (i):1 \
        with boxplot fillstyle solid 1 border rgb ink linecolor rgb paper
