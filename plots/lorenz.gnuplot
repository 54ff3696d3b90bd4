# Lorenz curves: what part of the requests do the emptiest nodes carry?
load plots . "/style.gnuplot"
set title "Lorenz curve: the emptiest part of the nodes carries this part of the load"
names = names_in("lorenz.csv")
set xlabel "part of the nodes, the emptiest first, %"
set ylabel "part of the load, %"
set xrange [0:100]
set yrange [0:100]
set key top left
plot x with lines linecolor rgb soft dashtype 2 title "all equal", \
     for [i = 1:words(names)] only(word(names, i), "lorenz.csv") \
        using (100 * column("part_of_nodes")):(100 * column("part_of_load")) \
        with lines linewidth 2 linecolor rgb color(i) dashtype dash(i) title word(names, i)
