# Who inherits the keys of a dead node? One square for each pair of dead node and heir.
high = 390
load plots . "/style.gnuplot"
panels = system(sprintf("awk -F, 'NR > 1 && !seen[$1 \",\" $3]++ { print $1 \",\" $3 }' '%s/takeover.csv'", data))
count = words(panels) < 3 ? words(panels) : 3
n = int(system(sprintf("awk -F, 'NR > 1 && $6 > m { m = $6 } END { print m + 1 }' '%s/takeover.csv'", data)))
of(panel) = sprintf("< awk -F, '$1 \",\" $3 == \"%s\" && $7 > 0' '%s/takeover.csv'", panel, data)
algorithm(panel) = panel[1:strstrt(panel, ",") - 1]
points(panel) = panel[strstrt(panel, ",") + 1:*]
is_ring(panel) = panel[1:4] eq "ring" || panel[1:6] eq "ketama"
heading(panel) = algorithm(panel) . (is_ring(panel) ? sprintf(", %s point%s a node", points(panel), points(panel) eq "1" ? "" : "s") : "")
set multiplot layout 1, count margins 0.08, 0.88, 0.17, 0.86 spacing 0.05 \
    title sprintf("Who inherits the keys when one of %d nodes dies?", n) textcolor rgb ink
if (dark) {
    set palette defined (0 "#2a2350", 0.3 "#6d3b86", 0.6 "#c9566d", 0.8 "#f08a5d", 1 "#ffe9a8")
} else {
    set palette defined (0 "#f7e3b5", 0.3 "#eaa15f", 0.6 "#c2485c", 0.8 "#7a2a68", 1 "#2d1040")
}
unset grid
unset key
set size ratio 1
set tics out scale 0.5
set xrange [-0.5:n - 0.5]
set yrange [-0.5:n - 0.5]
set xlabel "heir"
set ylabel "dead node"
set logscale cb
set cbrange [1:100]
set format cb "%g %%"
set cbtics textcolor rgb ink
set style fill solid 1 noborder
unset colorbox
do for [i = 1:count] {
    set title heading(word(panels, i)) textcolor rgb ink
    if (i == count) {
        set colorbox user origin 0.9, 0.2 size 0.018, 0.62
    }
    if (i > 1) { set ylabel ""; set format y "" }
    plot of(word(panels, i)) using 6:5:(0.5):(0.5):(100 * $7) with boxxyerror linecolor palette
}
unset multiplot
