# Who inherits the keys of a dead node? One square per pair, for two algorithms or more.
wide = 900; high = 460
load plots . "/style.gnuplot"
names = names_in("takeover.csv")
n = int(system(sprintf("awk -F, 'NR > 1 && $6 > m { m = $6 } END { print m + 1 }' '%s/takeover.csv'", data)))
count = words(names) < 3 ? words(names) : 3
set multiplot layout 1, count title "Who inherits the keys of a dead node?" textcolor rgb ink
if (dark) {
    set palette defined (0 "#0d1117", 0.15 "#3b2f6b", 0.45 "#a04a83", 0.75 "#f08a5d", 1 "#ffe9a8")
} else {
    set palette defined (0 "#ffffff", 0.15 "#f4d9a0", 0.45 "#e07b4c", 0.75 "#96325f", 1 "#2d1040")
}
unset grid
set size square
set xrange [-0.5:n - 0.5]
set yrange [-0.5:n - 0.5]
set xlabel "heir"
set ylabel "dead node"
set cbrange [0:*]
set colorbox
set cblabel "part of its keys, %" textcolor rgb ink
set cbtics textcolor rgb ink
unset key
do for [i = 1:count] {
    set title word(names, i) textcolor rgb ink
    plot only(word(names, i), "takeover.csv") using "heir":"dead":(100 * column("part")) with image
}
unset multiplot
